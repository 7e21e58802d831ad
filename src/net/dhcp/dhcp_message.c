/* SPDX-License-Identifier: MIT */
/* Messages of DHCP. */

#include "net/dhcp/dhcp_message.h"

#include "net/dhcp/dhcp_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define OP_REQUEST    1
#define OP_REPLY      2
#define HARDWARE_TYPE 1 /* Ethernet */

/* Relays and old servers drop what is shorter. */
#define REQUEST_BYTES_MIN 300

#define COOKIE 0x63825363u

/* The fixed part. */
struct header {
	uint8_t op;
	uint8_t hardware_type;
	uint8_t hardware_length;
	uint8_t hops;
	uint32_t transaction;
	uint16_t seconds;
	uint16_t flags;
	uint32_t client; /* ciaddr */
	uint32_t yours;
	uint32_t next_server;
	uint32_t relay;
	unsigned char hardware[16];
	unsigned char server_name[64];
	unsigned char file[128];
	uint32_t cookie;
};

_Static_assert(sizeof(struct header) == 240, "as on the wire");

static void put(unsigned char *bytes, size_t *length, uint8_t code, const void *value, size_t size)
{
	bytes[(*length)++] = code;
	bytes[(*length)++] = (uint8_t)size;
	memcpy(bytes + *length, value, size);
	*length += size;
}

static void put_address(unsigned char *bytes, size_t *length, uint8_t code,
			const struct address *address)
{
	if (address->family)
		put(bytes, length, code, address->bytes, 4);
}

/* Some servers know a client by its identifier alone; to say the same as with the hardware address
 * leaves both kinds one client. */
static void put_identity(unsigned char *bytes, size_t *length, const struct dhcp_request *request)
{
	unsigned char identity[1 + DHCP_MAC_BYTES] = { HARDWARE_TYPE };

	memcpy(identity + 1, request->mac, DHCP_MAC_BYTES);
	put(bytes, length, DHCP_OPTION_CLIENT_ID, identity, sizeof(identity));
}

static void put_wishes(unsigned char *bytes, size_t *length, const struct dhcp_request *request)
{
	static const uint8_t wishes[] = {
		DHCP_OPTION_MASK,  DHCP_OPTION_ROUTES, DHCP_OPTION_ROUTER,
		DHCP_OPTION_DNS,   DHCP_OPTION_DOMAIN, DHCP_OPTION_MTU,
		DHCP_OPTION_LEASE, DHCP_OPTION_RENEW,  DHCP_OPTION_REBIND,
	};
	const uint16_t size_max = htons(DHCP_REPLY_MAX + 28);
	size_t name = request->hostname ? strnlen(request->hostname, 255) : 0;

	put(bytes, length, DHCP_OPTION_WISHES, wishes, sizeof(wishes));
	put(bytes, length, DHCP_OPTION_SIZE_MAX, &size_max, sizeof(size_max));
	if (name > 0 && name <= 64)
		put(bytes, length, DHCP_OPTION_HOSTNAME, request->hostname, name);
}

size_t dhcp_request_format(const struct dhcp_request *request,
			   unsigned char ret[static DHCP_REQUEST_MAX])
{
	struct header header = { .op = OP_REQUEST,
				 .hardware_type = HARDWARE_TYPE,
				 .hardware_length = DHCP_MAC_BYTES,
				 .transaction = htonl(request->transaction),
				 .seconds = htons(request->seconds),
				 .cookie = htonl(COOKIE) };
	const uint8_t type = (uint8_t)request->type;
	size_t length = sizeof(header);

	if (request->client.family)
		memcpy(&header.client, request->client.bytes, 4);
	memcpy(header.hardware, request->mac, DHCP_MAC_BYTES);
	memset(ret, 0, DHCP_REQUEST_MAX);
	memcpy(ret, &header, sizeof(header));
	put(ret, &length, DHCP_OPTION_TYPE, &type, 1);
	put_identity(ret, &length, request);
	put_address(ret, &length, DHCP_OPTION_WANTED, &request->wanted);
	put_address(ret, &length, DHCP_OPTION_SERVER, &request->server);
	if (request->type != DHCP_RELEASE)
		put_wishes(ret, &length, request);
	ret[length++] = DHCP_OPTION_END;
	return length < REQUEST_BYTES_MIN ? REQUEST_BYTES_MIN : length;
}

static bool is_for(const struct header *header, uint32_t transaction, const unsigned char *mac)
{
	return header->op == OP_REPLY && header->hardware_type == HARDWARE_TYPE &&
	       header->hardware_length == DHCP_MAC_BYTES &&
	       ntohl(header->transaction) == transaction && ntohl(header->cookie) == COOKIE &&
	       memcmp(header->hardware, mac, DHCP_MAC_BYTES) == 0;
}

/* Finds the options: behind the fixed part, and where option 52 says so in two fields of that,
 * which nothing else of ours reads. */
static int find_options(const void *bytes, size_t size, const struct header *header,
			struct dhcp_options *ret)
{
	unsigned char overload = 0;

	*ret = (struct dhcp_options){ .count = 1 };
	ret->areas[0] = (struct dhcp_area){ (const unsigned char *)bytes + sizeof(*header),
					    size - sizeof(*header) };
	if (dhcp_options_check(ret) < 0)
		return -EBADMSG;
	if (dhcp_options_get(ret, DHCP_OPTION_OVERLOAD, &overload, 1) < 0 && overload)
		return -EBADMSG;
	if (overload & 1)
		ret->areas[ret->count++] = (struct dhcp_area){ header->file, sizeof(header->file) };
	if (overload & 2)
		ret->areas[ret->count++] =
			(struct dhcp_area){ header->server_name, sizeof(header->server_name) };
	return overload ? dhcp_options_check(ret) : 0;
}

int dhcp_reply_parse(const void *bytes, size_t size, uint32_t transaction,
		     const unsigned char mac[static DHCP_MAC_BYTES], struct dhcp_reply *ret,
		     const char **ret_why)
{
	struct dhcp_reply reply = {};
	struct dhcp_options options;
	struct header header;
	unsigned char type;

	if (size < sizeof(header))
		return -ENOENT;
	memcpy(&header, bytes, sizeof(header));
	if (!is_for(&header, transaction, mac))
		return -ENOENT;
	*ret_why = "its options are malformed";
	if (find_options(bytes, size, &header, &options) < 0)
		return -EBADMSG;
	*ret_why = "it has no type";
	if (dhcp_options_get(&options, DHCP_OPTION_TYPE, &type, 1) != 1)
		return -EBADMSG;
	if (type != DHCP_OFFER && type != DHCP_ACK && type != DHCP_NAK)
		return -ENOENT;
	reply.type = (enum dhcp_type)type;
	reply.lease.address.family = AF_INET;
	memcpy(reply.lease.address.bytes, &header.yours, 4);
	if (dhcp_options_read(&options, reply.type, &reply.lease, ret_why) < 0)
		return -EBADMSG;
	*ret = reply;
	return 0;
}
