/* SPDX-License-Identifier: MIT */
/* Network interfaces of the host. */

#include "net/link.h"

#include "base/scope.h"

#include <ctype.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

static uint32_t read_u32(const struct nlattr *attribute)
{
	return mnl_attr_validate(attribute, MNL_TYPE_U32) < 0 ? 0 : mnl_attr_get_u32(attribute);
}

/* What a bridge says of its port. */
static int take_port(const struct nlattr *attribute, void *userdata)
{
	struct link *link = userdata;

	if (mnl_attr_get_type(attribute) == IFLA_BRPORT_ISOLATED &&
	    mnl_attr_get_payload_len(attribute) >= 1)
		link->is_isolated = mnl_attr_get_u8(attribute) != 0;
	if (mnl_attr_get_type(attribute) == IFLA_BRPORT_MODE &&
	    mnl_attr_get_payload_len(attribute) >= 1)
		link->is_hairpin = mnl_attr_get_u8(attribute) != 0;
	return MNL_CB_OK;
}

/* What a bridge says of itself. */
static int take_bridge(const struct nlattr *attribute, void *userdata)
{
	struct link *link = userdata;

	if (mnl_attr_get_type(attribute) == IFLA_BR_VLAN_FILTERING &&
	    mnl_attr_get_payload_len(attribute) >= 1)
		link->vlan_filtering = mnl_attr_get_u8(attribute) != 0;
	if (mnl_attr_get_type(attribute) == IFLA_BR_VLAN_DEFAULT_PVID &&
	    mnl_attr_get_payload_len(attribute) >= 2)
		link->default_vlan = mnl_attr_get_u16(attribute);
	return MNL_CB_OK;
}

static int take_kind(const struct nlattr *attribute, void *userdata)
{
	struct link *link = userdata;
	char kind[16];

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_INFO_KIND:
		netlink_copy_text(attribute, kind, sizeof(kind));
		link->is_bridge = strcmp(kind, "bridge") == 0;
		break;
	case IFLA_INFO_DATA:
		if (link->is_bridge)
			(void)mnl_attr_parse_nested(attribute, take_bridge, link);
		break;
	case IFLA_INFO_SLAVE_KIND:
		netlink_copy_text(attribute, kind, sizeof(kind));
		link->is_port = strcmp(kind, "bridge") == 0;
		break;
	case IFLA_INFO_SLAVE_DATA:
		if (link->is_port)
			(void)mnl_attr_parse_nested(attribute, take_port, link);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void read_statistics(const struct nlattr *attribute, struct link *link)
{
	struct rtnl_link_stats64 statistics = {};
	size_t size = mnl_attr_get_payload_len(attribute);

	memcpy(&statistics, mnl_attr_get_payload(attribute),
	       size < sizeof(statistics) ? size : sizeof(statistics));
	link->rx_bytes = statistics.rx_bytes;
	link->rx_packets = statistics.rx_packets;
	link->rx_dropped = statistics.rx_dropped;
	link->tx_bytes = statistics.tx_bytes;
	link->tx_packets = statistics.tx_packets;
	link->tx_dropped = statistics.tx_dropped;
}

static int take_attribute(const struct nlattr *attribute, void *userdata)
{
	struct link *link = userdata;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		netlink_copy_text(attribute, link->name, sizeof(link->name));
		break;
	case IFLA_IFALIAS:
		netlink_copy_text(attribute, link->alias, sizeof(link->alias));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attribute) == LINK_MAC_BYTES)
			memcpy(link->mac, mnl_attr_get_payload(attribute), LINK_MAC_BYTES);
		break;
	case IFLA_MASTER:
		link->master = read_u32(attribute);
		break;
	case IFLA_LINK:
		link->peer = read_u32(attribute);
		break;
	case IFLA_GROUP:
		link->group = read_u32(attribute);
		break;
	case IFLA_MTU:
		link->mtu = read_u32(attribute);
		break;
	case IFLA_LINKINFO:
		(void)mnl_attr_parse_nested(attribute, take_kind, link);
		break;
	case IFLA_STATS64:
		read_statistics(attribute, link);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

int link_read(const struct nlmsghdr *message, struct link *ret)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct link link = {};

	if (message->nlmsg_type != RTM_NEWLINK)
		return -ENOENT;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EBADMSG;
	link.index = (unsigned int)header->ifi_index;
	link.is_up = header->ifi_flags & IFF_UP;
	(void)mnl_attr_parse(message, sizeof(*header), take_attribute, &link);
	*ret = link;
	return 0;
}

static int take_one(const struct nlmsghdr *message, void *userdata)
{
	int r = link_read(message, userdata);

	return r == -ENOENT ? 0 : r;
}

int link_find(struct netlink *route, const char *name, struct link *ret, struct lxcri_error *err)
{
	struct nlmsghdr *message = netlink_add(route, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	int r;

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	*ret = (struct link){};
	r = netlink_run(route, take_one, ret);
	if (r == -ENODEV)
		return 0;
	return r < 0 ? fail_errno(err, r, "look for the interface %s", name) : 1;
}

int link_find_index(struct netlink *route, unsigned int index, struct link *ret,
		    struct lxcri_error *err)
{
	struct nlmsghdr *message = netlink_add(route, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	struct ifinfomsg *header = netlink_payload(message);
	int r;

	header->ifi_index = (int)index;
	*ret = (struct link){};
	r = netlink_run(route, take_one, ret);
	if (r == -ENODEV)
		return 0;
	return r < 0 ? fail_errno(err, r, "look for interface %u", index) : 1;
}

struct walk {
	void (*each)(void *userdata, const struct link *link);
	void *userdata;
};

static int take_each(const struct nlmsghdr *message, void *userdata)
{
	const struct walk *walk = userdata;
	struct link link;
	int r = link_read(message, &link);

	if (r == 0)
		walk->each(walk->userdata, &link);
	return r == -ENOENT ? 0 : r;
}

int link_each(struct netlink *route, void (*each)(void *userdata, const struct link *link),
	      void *userdata, struct lxcri_error *err)
{
	struct walk walk = { .each = each, .userdata = userdata };
	int r;

	(void)netlink_add(route, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	r = netlink_run(route, take_each, &walk);
	return r < 0 ? fail_errno(err, r, "list the interfaces") : 0;
}

struct ifinfomsg *link_add_change(struct netlink *route, unsigned int index,
				  struct nlmsghdr **ret_message)
{
	struct ifinfomsg *header;

	*ret_message = netlink_add(route, RTM_NEWLINK, 0, sizeof(*header));
	header = netlink_payload(*ret_message);
	header->ifi_index = (int)index;
	return header;
}

void link_put_name(struct netlink *route, unsigned int index, const char *name)
{
	struct nlmsghdr *message;

	link_add_change(route, index, &message)->ifi_change = IFF_UP;
	(void)link_add_change(route, index, &message);
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
}

int link_remove(struct netlink *route, unsigned int index, struct lxcri_error *err)
{
	struct nlmsghdr *message = netlink_add(route, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
	struct ifinfomsg *header = netlink_payload(message);
	int r;

	header->ifi_index = (int)index;
	r = netlink_run(route, NULL, NULL);
	return r < 0 && r != -ENODEV ? fail_errno(err, r, "remove interface %u", index) : 0;
}

bool link_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

int link_mac_parse(const char *text, unsigned char ret[static LINK_MAC_BYTES])
{
	unsigned char mac[LINK_MAC_BYTES];
	bool is_zero = true;

	for (size_t i = 0; i < LINK_MAC_BYTES; i++) {
		const char *at = text + 3 * i;
		unsigned int value;

		if (!isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]) ||
		    at[2] != (i + 1 < LINK_MAC_BYTES ? ':' : '\0'))
			return -EINVAL;
		(void)sscanf(at, "%2x", &value);
		mac[i] = (unsigned char)value;
		is_zero = is_zero && value == 0;
	}
	if (is_zero || (mac[0] & 1))
		return -EINVAL;
	memcpy(ret, mac, sizeof(mac));
	return 0;
}

const char *link_mac_format(const unsigned char mac[static LINK_MAC_BYTES],
			    char ret[static LINK_MAC_TEXT_MAX])
{
	(void)snprintf(ret, LINK_MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		       mac[2], mac[3], mac[4], mac[5]);
	return ret;
}

struct address link_local_address(const unsigned char mac[static LINK_MAC_BYTES])
{
	struct address address = { .family = AF_INET6, .bytes = { 0xfe, 0x80 } };

	address.bytes[8] = mac[0] ^ 2;
	address.bytes[9] = mac[1];
	address.bytes[10] = mac[2];
	address.bytes[11] = 0xff;
	address.bytes[12] = 0xfe;
	memcpy(address.bytes + 13, mac + 3, 3);
	return address;
}
