/* SPDX-License-Identifier: MIT */
/* VLANs of ports. */

#include "net/vlan.h"

#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static void put(struct netlink *route, uint16_t type, unsigned int index, unsigned int vlan,
		uint16_t flags)
{
	const struct bridge_vlan_info information = { .flags = flags, .vid = (uint16_t)vlan };
	struct nlmsghdr *message = netlink_add(route, type, 0, sizeof(struct ifinfomsg));
	struct ifinfomsg *header = netlink_payload(message);
	struct nlattr *nest;

	header->ifi_family = AF_BRIDGE;
	header->ifi_index = (int)index;
	nest = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	mnl_attr_put(message, IFLA_BRIDGE_VLAN_INFO, sizeof(information), &information);
	mnl_attr_nest_end(message, nest);
}

int vlan_set(struct netlink *route, unsigned int index, unsigned int vlan, unsigned int usual,
	     struct lxcri_error *err)
{
	int r;

	put(route, RTM_SETLINK, index, vlan, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
	if (usual > 0 && usual != vlan)
		put(route, RTM_DELLINK, index, usual, 0);
	r = netlink_run(route, NULL, NULL);
	return r < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "put interface %u into VLAN %u%s%s", index, vlan,
				       *netlink_complaint(route) ? ": " : "",
				       netlink_complaint(route))
		     : 0;
}
