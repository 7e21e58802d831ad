/* SPDX-License-Identifier: MIT */
/* Pairs of interfaces whose other end is born in a container. */

#include "net/veth.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>

/* The end in the container: a message within the message. It cannot be switched on before there is
 * this end. */
static void put_peer(struct nlmsghdr *message, const struct veth *veth)
{
	struct nlattr *peer = mnl_attr_nest_start(message, VETH_INFO_PEER);

	(void)mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, veth->peer_name);
	mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)veth->netns);
	mnl_attr_put_u32(message, IFLA_MTU, veth->mtu);
	mnl_attr_put(message, IFLA_ADDRESS, LINK_MAC_BYTES, veth->mac);
	mnl_attr_nest_end(message, peer);
}

static void put_veth(struct netlink *route, const struct veth *veth)
{
	static const unsigned char none[LINK_MAC_BYTES];
	struct nlmsghdr *message = netlink_add(route, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
					       sizeof(struct ifinfomsg));
	struct ifinfomsg *header = netlink_payload(message);
	struct nlattr *information;
	struct nlattr *data;

	header->ifi_flags = IFF_UP;
	header->ifi_change = IFF_UP;
	mnl_attr_put_strz(message, IFLA_IFNAME, veth->name);
	if (memcmp(veth->own_mac, none, sizeof(none)) != 0)
		mnl_attr_put(message, IFLA_ADDRESS, LINK_MAC_BYTES, veth->own_mac);
	mnl_attr_put_u32(message, IFLA_MTU, veth->mtu);
	mnl_attr_put_u32(message, IFLA_MASTER, veth->bridge);
	information = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	put_peer(message, veth);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, information);
}

/* Settings of the port, which is there only once the pair is. */
static void put_port(struct netlink *route, const char *name, bool isolated, bool hairpin)
{
	struct nlmsghdr *message = netlink_add(route, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	struct nlattr *information;
	struct nlattr *data;

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	information = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_SLAVE_KIND, "bridge");
	data = mnl_attr_nest_start(message, IFLA_INFO_SLAVE_DATA);
	mnl_attr_put_u8(message, IFLA_BRPORT_ISOLATED, isolated);
	mnl_attr_put_u8(message, IFLA_BRPORT_MODE, hairpin);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, information);
}

int veth_create(struct netlink *route, const struct veth *veth, struct lxcri_error *err)
{
	int r;

	put_veth(route, veth);
	if (veth->isolated || veth->hairpin)
		put_port(route, veth->name, veth->isolated, veth->hairpin);
	r = netlink_run(route, NULL, NULL);
	if (r == -EEXIST)
		return 0;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "make the interface %s%s%s", veth->name,
				       *netlink_complaint(route) ? ": " : "",
				       netlink_complaint(route));
	return 1;
}

int veth_repair(struct netlink *route, const struct link *link, const struct veth *veth,
		struct lxcri_error *err)
{
	bool is_renamed = strcmp(link->name, veth->name) != 0;
	struct nlmsghdr *message;
	struct ifinfomsg *header;
	int r;

	if (!is_renamed && link->is_up && link->master == veth->bridge &&
	    link->is_isolated == veth->isolated && link->is_hairpin == veth->hairpin)
		return 0;
	if (is_renamed)
		link_put_name(route, link->index, veth->name);
	header = link_add_change(route, link->index, &message);
	header->ifi_flags = header->ifi_change = IFF_UP;
	mnl_attr_put_u32(message, IFLA_MASTER, veth->bridge);
	put_port(route, veth->name, veth->isolated, veth->hairpin);
	r = netlink_run(route, NULL, NULL);
	return r < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "put the interface %s right", veth->name)
		     : 0;
}

int veth_set_isolation(struct netlink *route, const char *name, bool isolated,
		       struct lxcri_error *err)
{
	struct link link;
	int r = link_find(route, name, &link, err);

	if (r <= 0)
		return r;
	put_port(route, name, isolated, link.is_hairpin);
	r = netlink_run(route, NULL, NULL);
	return r < 0 && r != -ENODEV
		       ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
					 "set isolate_ports of the interface %s", name)
		       : 0;
}
