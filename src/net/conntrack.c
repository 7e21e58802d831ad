/* SPDX-License-Identifier: MIT */
/* Connections that lead to what is gone. The form of the messages is the kernel's
 * (linux/netfilter/nfnetlink_conntrack.h). */

#include "net/conntrack.h"

#include "base/log.h"
#include "base/mem.h"
#include "os/network/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>

#define TUPLE_BYTES_MAX 256

/* One end of what is remembered. */
struct tuple {
	struct address source;
	uint8_t protocol;
	uint16_t source_port;
};

/* What is read of one connection. */
struct connection {
	struct tuple reply;
	uint32_t status;
	unsigned char origin[TUPLE_BYTES_MAX]; /* the attribute, as it is sent back */
	uint16_t origin_size;
};

struct origin {
	uint8_t family;
	uint16_t size;
	unsigned char bytes[TUPLE_BYTES_MAX];
};

/* A search for connections. */
struct search {
	const struct conntrack_target *targets;
	size_t n_targets;
	struct origin *found;
	size_t n_found;
};

static int take_address(const struct nlattr *attribute, void *userdata)
{
	struct tuple *tuple = userdata;
	uint16_t type = mnl_attr_get_type(attribute);
	int family = type == CTA_IP_V4_SRC ? AF_INET : type == CTA_IP_V6_SRC ? AF_INET6 : 0;

	if (!family)
		return MNL_CB_OK;
	tuple->source = (struct address){ .family = family };
	if (mnl_attr_get_payload_len(attribute) != address_size(&tuple->source))
		return MNL_CB_ERROR;
	memcpy(tuple->source.bytes, mnl_attr_get_payload(attribute), address_size(&tuple->source));
	return MNL_CB_OK;
}

static int take_protocol(const struct nlattr *attribute, void *userdata)
{
	struct tuple *tuple = userdata;
	uint16_t size = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) == CTA_PROTO_NUM && size == sizeof(uint8_t))
		tuple->protocol = mnl_attr_get_u8(attribute);
	if (mnl_attr_get_type(attribute) == CTA_PROTO_SRC_PORT && size == sizeof(uint16_t))
		tuple->source_port = ntohs(mnl_attr_get_u16(attribute));
	return MNL_CB_OK;
}

static int take_tuple(const struct nlattr *attribute, void *userdata)
{
	switch (mnl_attr_get_type(attribute)) {
	case CTA_TUPLE_IP:
		return mnl_attr_parse_nested(attribute, take_address, userdata);
	case CTA_TUPLE_PROTO:
		return mnl_attr_parse_nested(attribute, take_protocol, userdata);
	default:
		return MNL_CB_OK;
	}
}

static int take_member(const struct nlattr *attribute, void *userdata)
{
	struct connection *connection = userdata;

	switch (mnl_attr_get_type(attribute)) {
	case CTA_TUPLE_ORIG:
		if (attribute->nla_len > sizeof(connection->origin))
			return MNL_CB_ERROR;
		memcpy(connection->origin, attribute, attribute->nla_len);
		connection->origin_size = attribute->nla_len;
		return MNL_CB_OK;
	case CTA_TUPLE_REPLY:
		return mnl_attr_parse_nested(attribute, take_tuple, &connection->reply);
	case CTA_STATUS:
		if (mnl_attr_get_payload_len(attribute) == sizeof(uint32_t))
			connection->status = ntohl(mnl_attr_get_u32(attribute));
		return MNL_CB_OK;
	default:
		return MNL_CB_OK;
	}
}

static bool leads_there(const struct connection *connection, const struct search *search)
{
	for (size_t i = 0; (connection->status & IPS_DST_NAT) && i < search->n_targets; i++) {
		const struct conntrack_target *target = &search->targets[i];

		if (connection->reply.protocol == target->protocol &&
		    connection->reply.source_port == target->port &&
		    address_equals(&connection->reply.source, &target->address))
			return true;
	}
	return false;
}

static int take_connection(const struct nlmsghdr *message, void *userdata)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	struct search *search = userdata;
	struct connection connection = {};
	struct origin *origin;

	if (message->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return 0;
	if (mnl_attr_parse(message, sizeof(*header), take_member, &connection) < 0 ||
	    !leads_there(&connection, search))
		return 0;
	search->found = xreallocarray(search->found, search->n_found + 1, sizeof(*search->found));
	origin = &search->found[search->n_found++];
	*origin = (struct origin){ .family = header->nfgen_family, .size = connection.origin_size };
	memcpy(origin->bytes, connection.origin, connection.origin_size);
	return 0;
}

static struct nlmsghdr *add(struct netlink *netlink, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *message =
		netlink_add(netlink, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), flags,
			    sizeof(struct nfgenmsg));
	struct nfgenmsg *header;

	if (!message)
		return NULL;
	header = netlink_payload(message);
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	return message;
}

/* One at a time: one that has ended meanwhile shall keep none of the others. */
static void forget(struct netlink *netlink, const struct origin *origin)
{
	const struct nlattr *attribute = (const void *)origin->bytes;
	struct nlmsghdr *message = add(netlink, IPCTNL_MSG_CT_DELETE, 0, origin->family);

	if (!message)
		return;
	mnl_attr_put(message, attribute->nla_type, mnl_attr_get_payload_len(attribute),
		     mnl_attr_get_payload(attribute));
	(void)netlink_run(netlink, NULL, NULL);
}

void conntrack_forget(const struct conntrack_target *targets, size_t n_targets)
{
	struct search search = { .targets = targets, .n_targets = n_targets };
	autoptr(netlink) netlink = NULL;
	int r = n_targets ? netlink_open(NETLINK_NETFILTER, &netlink) : -ENOENT;

	if (r < 0)
		return;
	(void)add(netlink, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
	r = netlink_run(netlink, take_connection, &search);
	if (r < 0)
		log_debug("look for connections: %s", strerror(-r));
	for (size_t i = 0; i < search.n_found; i++)
		forget(netlink, &search.found[i]);
	free(search.found);
}
