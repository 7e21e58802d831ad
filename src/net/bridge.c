/* SPDX-License-Identifier: MIT */
/* Bridges of our own. */

#include "net/bridge.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

bool bridge_is_ours(const struct link *link, const char *alias)
{
	return link->is_bridge && link->group == LINK_GROUP &&
	       (!link->alias[0] || strcmp(link->alias, alias) == 0);
}

/* Begins the settings of a bridge in @message. */
static struct nlattr *begin_data(struct nlmsghdr *message, struct nlattr **ret_information)
{
	*ret_information = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "bridge");
	return mnl_attr_nest_start(message, IFLA_INFO_DATA);
}

/* A bridge that forwards at once: there is no loop before there is a second uplink. */
static void put_bridge(struct netlink *route, const struct bridge *bridge)
{
	struct nlmsghdr *message = netlink_add(route, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
					       sizeof(struct ifinfomsg));
	struct nlattr *information;
	struct nlattr *data;

	mnl_attr_put_strz(message, IFLA_IFNAME, bridge->name);
	mnl_attr_put_u32(message, IFLA_GROUP, LINK_GROUP);
	mnl_attr_put_u32(message, IFLA_MTU, bridge->mtu);
	data = begin_data(message, &information);
	mnl_attr_put_u32(message, IFLA_BR_FORWARD_DELAY, bridge->stp ? 200 : 0);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, information);
}

/* Sends one setting. What a kernel is built without it refuses, or takes for nothing. */
static int set_one(struct netlink *route, unsigned int index, uint16_t attribute, size_t size,
		   uint32_t value)
{
	struct nlmsghdr *message;
	struct nlattr *information;
	struct nlattr *data;

	(void)link_add_change(route, index, &message);
	data = begin_data(message, &information);
	mnl_attr_put(message, attribute, size, &value);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, information);
	return netlink_run(route, NULL, NULL);
}

/* A kernel that is built without it takes the setting for nothing. */
static int check_filtering(struct netlink *route, const struct bridge *bridge,
			   struct lxcri_error *err)
{
	struct link link;
	int r = link_find(route, bridge->name, &link, err);

	if (r <= 0)
		return r < 0 ? -1
			     : fail(err, LXCRI_E_CONFIGURATION_FAILED, "the bridge %s has gone",
				    bridge->name);
	if (link.vlan_filtering)
		return 0;
	return fail(err, LXCRI_E_CONFIGURATION_FAILED,
		    "set %s of the bridge %s: the kernel is built without "
		    "CONFIG_BRIDGE_VLAN_FILTERING",
		    bridge->vlan ? "vlan" : "vlan_filtering", bridge->name);
}

int bridge_configure(struct netlink *route, unsigned int index, const struct bridge *bridge,
		     struct lxcri_error *err)
{
	const struct {
		const char *name;
		uint16_t attribute;
		size_t size;
		uint32_t value;
	} settings[] = {
		{ "stp", IFLA_BR_STP_STATE, 4, bridge->stp },
		{ "multicast_snooping", IFLA_BR_MCAST_SNOOPING, 1, bridge->multicast_snooping },
		{ "vlan_filtering", IFLA_BR_VLAN_FILTERING, 1, bridge->vlan_filtering },
		{ "vlan", IFLA_BR_VLAN_DEFAULT_PVID, 2, bridge->vlan },
	};

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		int r;

		if (settings[i].attribute == IFLA_BR_VLAN_DEFAULT_PVID && bridge->vlan == 0)
			continue;
		r = set_one(route, index, settings[i].attribute, settings[i].size,
			    settings[i].value);
		/* To switch off what is not there is no wish that failed. */
		if (r < 0 && (settings[i].value || (r != -EOPNOTSUPP && r != -EINVAL)))
			return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
					       "set %s of the bridge %s", settings[i].name,
					       bridge->name);
	}
	return bridge->vlan_filtering ? check_filtering(route, bridge, err) : 0;
}

/* Adds an address of the bridge; no other host has it, so it need not be looked for. */
static void put_address(struct netlink *route, unsigned int index, const struct address *address,
			unsigned int prefix)
{
	struct nlmsghdr *message = netlink_add(route, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE,
					       sizeof(struct ifaddrmsg));
	struct ifaddrmsg *header = netlink_payload(message);
	size_t size = address_size(address);

	header->ifa_family = (unsigned char)address->family;
	header->ifa_prefixlen = (unsigned char)prefix;
	header->ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0;
	header->ifa_index = index;
	mnl_attr_put(message, IFA_LOCAL, size, address->bytes);
	mnl_attr_put(message, IFA_ADDRESS, size, address->bytes);
}

/* Nobody there has an address of @subnet: what is sent to one is given another on its way. */
static void put_route(struct netlink *route, unsigned int index, const struct subnet *subnet)
{
	struct nlmsghdr *message = netlink_add(route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
					       sizeof(struct rtmsg));
	struct rtmsg *header = netlink_payload(message);

	header->rtm_family = (unsigned char)subnet->base.family;
	header->rtm_dst_len = (unsigned char)subnet->prefix;
	header->rtm_table = RT_TABLE_MAIN;
	header->rtm_protocol = RTPROT_STATIC;
	header->rtm_scope = RT_SCOPE_LINK;
	header->rtm_type = RTN_UNICAST;
	mnl_attr_put(message, RTA_DST, address_size(&subnet->base), subnet->base.bytes);
	mnl_attr_put_u32(message, RTA_OIF, index);
}

/* Says whose the bridge is, gives it its addresses and switches it on; all of it may be so already.
 */
static int finish(struct netlink *route, const struct bridge *bridge, const struct link *link,
		  struct lxcri_error *err)
{
	const struct address local = link_local_address(link->mac);
	struct nlmsghdr *message;
	struct ifinfomsg *header;
	int r;

	/* Before it is on: from its own address the kernel would ask nobody for a second or two, in
	 * which no neighbour is found. */
	if (!link->is_up && bridge->gateways[1].family)
		put_address(route, link->index, &local, 64);
	header = link_add_change(route, link->index, &message);

	header->ifi_flags = IFF_UP;
	header->ifi_change = IFF_UP;
	if (!link->alias[0])
		mnl_attr_put_strz(message, IFLA_IFALIAS, bridge->alias);
	/* A bridge without an address of its own takes that of its lowest port, which changes. */
	if (!link->alias[0])
		mnl_attr_put(message, IFLA_ADDRESS, LINK_MAC_BYTES, bridge->mac);
	if (link->mtu != bridge->mtu)
		mnl_attr_put_u32(message, IFLA_MTU, bridge->mtu);
	for (size_t i = 0; i < ARRAY_LEN(bridge->gateways); i++)
		if (bridge->gateways[i].family)
			put_address(route, link->index, &bridge->gateways[i], bridge->prefixes[i]);
	for (size_t i = 0; i < ARRAY_LEN(bridge->services); i++)
		if (bridge->services[i].base.family)
			put_route(route, link->index, &bridge->services[i]);
	r = netlink_run(route, NULL, NULL);
	return r < 0 ? fail_code_errno(err, LXCRI_E_BRIDGE_CREATION_FAILED, r,
				       "set up the bridge %s%s%s", bridge->name,
				       *netlink_complaint(route) ? ": " : "",
				       netlink_complaint(route))
		     : 0;
}

/* Makes the bridge itself. */
static int make(struct netlink *route, const struct bridge *bridge, struct link *ret,
		struct lxcri_error *err)
{
	int r;

	put_bridge(route, bridge);
	r = netlink_run(route, NULL, NULL);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_BRIDGE_CREATION_FAILED, r,
				       "make the bridge %s%s%s", bridge->name,
				       *netlink_complaint(route) ? ": " : "",
				       netlink_complaint(route));
	r = link_find(route, bridge->name, ret, err);
	return r == 0 ? fail(err, LXCRI_E_BRIDGE_CREATION_FAILED,
			     "the bridge %s was removed meanwhile", bridge->name)
		      : r;
}

int bridge_ensure(struct netlink *route, const struct bridge *bridge, unsigned int *ret_index,
		  struct lxcri_error *err)
{
	struct link link;
	int r = link_find(route, bridge->name, &link, err);
	bool is_new = r == 0;

	if (r < 0)
		return -1;
	if (r > 0 && !bridge_is_ours(&link, bridge->alias))
		return fail(err, LXCRI_E_BRIDGE_CREATION_FAILED,
			    "an interface called %s is there already, and is not ours",
			    bridge->name);
	if (r == 0 && make(route, bridge, &link, err) < 0)
		return -1;
	/* Behind the alias all is as it should be, unless somebody has changed it since. */
	if ((is_new || !link.alias[0]) && bridge_configure(route, link.index, bridge, err) < 0)
		return -1;
	if (finish(route, bridge, &link, err) < 0)
		return -1;
	*ret_index = link.index;
	return 0;
}

int bridge_rename(struct netlink *route, unsigned int index, const char *name,
		  struct lxcri_error *err)
{
	struct nlmsghdr *message;
	struct ifinfomsg *header;
	int r;

	link_put_name(route, index, name);
	header = link_add_change(route, index, &message);
	header->ifi_flags = header->ifi_change = IFF_UP;
	r = netlink_run(route, NULL, NULL);
	return r < 0 ? fail_code_errno(err, LXCRI_E_BRIDGE_CREATION_FAILED, r,
				       "give the bridge %s its name back", name)
		     : 0;
}

int bridge_remove(struct netlink *route, const char *name, const char *alias,
		  struct lxcri_error *err)
{
	struct link link;
	int r = link_find(route, name, &link, err);

	if (r <= 0 || !bridge_is_ours(&link, alias))
		return r < 0 ? -1 : 0;
	return link_remove(route, link.index, err);
}
