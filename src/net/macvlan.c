/* SPDX-License-Identifier: MIT */
/* Interfaces that share one of the host's. */

#include "net/macvlan.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

int macvlan_create(struct netlink *route, const struct macvlan *macvlan, struct lxcri_error *err)
{
	struct nlmsghdr *message = netlink_add(route, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
					       sizeof(struct ifinfomsg));
	struct nlattr *information;
	struct nlattr *data;
	int r;

	mnl_attr_put_strz(message, IFLA_IFNAME, macvlan->name);
	mnl_attr_put_u32(message, IFLA_LINK, macvlan->parent);
	mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)macvlan->netns);
	mnl_attr_put(message, IFLA_ADDRESS, LINK_MAC_BYTES, macvlan->mac);
	information = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "macvlan");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	mnl_attr_put_u32(message, IFLA_MACVLAN_MODE, macvlan->mode);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, information);
	r = netlink_run(route, NULL, NULL);
	return r < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "make the macvlan interface %s%s%s", macvlan->name,
				       *netlink_complaint(route) ? ": " : "",
				       netlink_complaint(route))
		     : 0;
}
