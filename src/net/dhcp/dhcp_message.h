/* SPDX-License-Identifier: MIT */
#pragma once

/* Messages of DHCP (RFC 2131, 2132, 3396, 3442), without the headers of IP and UDP. What a server
 * sends is checked as far as one message can be: a lease that comes out of here can be applied. */

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68

#define DHCP_MAC_BYTES 6

/* What we send: the fixed part, and options that have no more room than this. */
#define DHCP_REQUEST_MAX 512

/* What we read of a reply, and say that we take: what fits into one frame of Ethernet. */
#define DHCP_REPLY_MAX 1472

/* As many name servers as a resolver asks. */
#define DHCP_DNS_MAX    3
#define DHCP_ROUTES_MAX 16
#define DHCP_NAME_MAX   254

/* A lease that never ends. */
#define DHCP_FOREVER UINT32_MAX

/* Shorter leases would keep both sides busy with nothing else. */
#define DHCP_LEASE_SECONDS_MIN 4

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
};

/* A route to another subnet. */
struct dhcp_route {
	struct subnet to;
	struct address gateway; /* family 0: it is on the link */
};

/* What a server gives. All addresses are of IPv4; family 0 is none. */
struct dhcp_lease {
	struct address address;
	unsigned int prefix;
	struct address server;
	struct dhcp_route routes[DHCP_ROUTES_MAX]; /* the default route among them */
	size_t n_routes;
	struct address dns[DHCP_DNS_MAX];
	size_t n_dns;
	char domain[DHCP_NAME_MAX]; /* "": none */
	unsigned int mtu;           /* 0: not said */
	uint32_t lease_seconds;     /* or DHCP_FOREVER; the next two are smaller, and grow */
	uint32_t renew_seconds;
	uint32_t rebind_seconds;
};

struct dhcp_reply {
	enum dhcp_type type;     /* DHCP_OFFER, DHCP_ACK or DHCP_NAK */
	struct dhcp_lease lease; /* of a DHCP_NAK the server alone */
};

/* What is asked. Addresses of family 0, and a host name that is NULL or "", are left out. */
struct dhcp_request {
	enum dhcp_type type;
	uint32_t transaction;
	uint16_t seconds; /* since we began to ask */
	const unsigned char *mac;
	const char *hostname;
	struct address client; /* an address that we have */
	struct address wanted; /* one that we want to have */
	struct address server;
};

/* Writes @request. Returns how many bytes it has. */
size_t dhcp_request_format(const struct dhcp_request *request,
			   unsigned char ret[static DHCP_REQUEST_MAX]);

/* Reads @size bytes as a reply to who has @mac and sent @transaction. Returns 0; -ENOENT for what
 * is meant for somebody else or no reply; or -EBADMSG and in *@ret_why, a constant, what is wrong
 * with it. */
[[nodiscard]] int dhcp_reply_parse(const void *bytes, size_t size, uint32_t transaction,
				   const unsigned char mac[static DHCP_MAC_BYTES],
				   struct dhcp_reply *ret, const char **ret_why);
