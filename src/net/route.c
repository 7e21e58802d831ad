/* SPDX-License-Identifier: MIT */
/* Routes and addresses. */

#include "net/route.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define LOOPBACK_INDEX 1

/* What is read of one route. */
struct reading {
	struct subnet subnet;
	unsigned int interface;
};

static int take_attribute(const struct nlattr *attribute, void *userdata)
{
	struct reading *reading = userdata;
	size_t size = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) == RTA_DST && size == address_size(&reading->subnet.base))
		memcpy(reading->subnet.base.bytes, mnl_attr_get_payload(attribute), size);
	if (mnl_attr_get_type(attribute) == RTA_OIF && size == sizeof(uint32_t))
		reading->interface = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

int route_read(const struct nlmsghdr *message, struct subnet *ret_subnet,
	       unsigned int *ret_interface)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct reading reading = {};

	if (message->nlmsg_type != RTM_NEWROUTE)
		return -ENOENT;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EBADMSG;
	/* A default route leads everywhere and takes nothing away. */
	if (header->rtm_table != RT_TABLE_MAIN || header->rtm_dst_len == 0 ||
	    (header->rtm_family != AF_INET && header->rtm_family != AF_INET6))
		return -ENOENT;
	reading.subnet.base.family = header->rtm_family;
	reading.subnet.prefix = header->rtm_dst_len;
	if (reading.subnet.prefix > 8 * address_size(&reading.subnet.base))
		return -EBADMSG;
	(void)mnl_attr_parse(message, sizeof(*header), take_attribute, &reading);
	*ret_subnet = reading.subnet;
	*ret_interface = reading.interface;
	return 0;
}

struct walk {
	void (*each)(void *userdata, const struct subnet *subnet, unsigned int interface);
	void *userdata;
};

static int take_route(const struct nlmsghdr *message, void *userdata)
{
	const struct walk *walk = userdata;
	struct subnet subnet;
	unsigned int interface;
	int r = route_read(message, &subnet, &interface);

	if (r == 0)
		walk->each(walk->userdata, &subnet, interface);
	return r == -ENOENT ? 0 : r;
}

int route_each(struct netlink *route,
	       void (*each)(void *userdata, const struct subnet *subnet, unsigned int interface),
	       void *userdata, struct lxcri_error *err)
{
	struct walk walk = { .each = each, .userdata = userdata };
	int r;

	(void)netlink_add(route, RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg));
	r = netlink_run(route, take_route, &walk);
	return r < 0 ? fail_errno(err, r, "list the routes of the host") : 0;
}

static void put_up(struct netlink *route, unsigned int index)
{
	struct nlmsghdr *message = netlink_add(route, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	struct ifinfomsg *header = netlink_payload(message);

	header->ifi_index = (int)index;
	header->ifi_flags = IFF_UP;
	header->ifi_change = IFF_UP;
}

/* The address is the container's alone: nobody need be asked first, which takes a second. */
static void put_address(struct netlink *route, unsigned int index, const struct address *address,
			unsigned int prefix)
{
	struct nlmsghdr *message = netlink_add(route, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE,
					       sizeof(struct ifaddrmsg));
	struct ifaddrmsg *header = netlink_payload(message);

	header->ifa_family = (unsigned char)address->family;
	header->ifa_prefixlen = (unsigned char)prefix;
	header->ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0;
	header->ifa_index = index;
	mnl_attr_put(message, IFA_LOCAL, address_size(address), address->bytes);
	mnl_attr_put(message, IFA_ADDRESS, address_size(address), address->bytes);
}

/* @subnet of family 0 is everything. */
static void put_route(struct netlink *route, unsigned int index, const struct subnet *subnet,
		      const struct address *gateway)
{
	struct nlmsghdr *message = netlink_add(route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
					       sizeof(struct rtmsg));
	struct rtmsg *header = netlink_payload(message);

	header->rtm_family = (unsigned char)gateway->family;
	header->rtm_table = RT_TABLE_MAIN;
	header->rtm_protocol = RTPROT_STATIC;
	header->rtm_scope = RT_SCOPE_UNIVERSE;
	header->rtm_type = RTN_UNICAST;
	if (subnet->base.family) {
		header->rtm_dst_len = (unsigned char)subnet->prefix;
		mnl_attr_put(message, RTA_DST, address_size(&subnet->base), subnet->base.bytes);
	}
	mnl_attr_put(message, RTA_GATEWAY, address_size(gateway), gateway->bytes);
	mnl_attr_put_u32(message, RTA_OIF, index);
}

int route_configure(struct netlink *route, const struct interface *interface,
		    struct lxcri_error *err)
{
	static const struct subnet everything;
	struct address local;
	struct link link;
	int r = link_find(route, interface->name, &link, err);

	if (r <= 0)
		return r < 0 ? -1
			     : fail(err, LXCRI_E_CONFIGURATION_FAILED,
				    "the container has no interface %s", interface->name);
	local = link_local_address(link.mac);
	put_up(route, LOOPBACK_INDEX);
	if (!link.is_up && interface->addresses[1].family)
		put_address(route, link.index, &local, 64);
	if (!link.is_up)
		put_up(route, link.index);
	for (size_t i = 0; i < ARRAY_LEN(interface->addresses); i++)
		if (interface->addresses[i].family)
			put_address(route, link.index, &interface->addresses[i],
				    interface->prefixes[i]);
	for (size_t i = 0; i < ARRAY_LEN(interface->gateways); i++)
		if (interface->gateways[i].family)
			put_route(route, link.index, &everything, &interface->gateways[i]);
	for (size_t i = 0; i < ARRAY_LEN(interface->subnets); i++)
		if (interface->subnets[i].base.family && interface->ways[i].family)
			put_route(route, link.index, &interface->subnets[i], &interface->ways[i]);
	r = netlink_run(route, NULL, NULL);
	return r < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "give %s its addresses%s%s", interface->name,
				       *netlink_complaint(route) ? ": " : "",
				       netlink_complaint(route))
		     : 0;
}
