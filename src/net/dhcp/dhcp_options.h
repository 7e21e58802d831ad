/* SPDX-License-Identifier: MIT */
#pragma once

/* The options of a message of DHCP, and what they say about a lease. */

#include "net/dhcp/dhcp_message.h"

enum dhcp_option {
	DHCP_OPTION_PAD = 0,
	DHCP_OPTION_MASK = 1,
	DHCP_OPTION_ROUTER = 3,
	DHCP_OPTION_DNS = 6,
	DHCP_OPTION_HOSTNAME = 12,
	DHCP_OPTION_DOMAIN = 15,
	DHCP_OPTION_MTU = 26,
	DHCP_OPTION_WANTED = 50,
	DHCP_OPTION_LEASE = 51,
	DHCP_OPTION_OVERLOAD = 52,
	DHCP_OPTION_TYPE = 53,
	DHCP_OPTION_SERVER = 54,
	DHCP_OPTION_WISHES = 55,
	DHCP_OPTION_SIZE_MAX = 57,
	DHCP_OPTION_RENEW = 58,
	DHCP_OPTION_REBIND = 59,
	DHCP_OPTION_CLIENT_ID = 61,
	DHCP_OPTION_ROUTES = 121,
	DHCP_OPTION_END = 255,
};

/* A part of the message that has options. Borrowed. */
struct dhcp_area {
	const unsigned char *bytes;
	size_t size;
};

struct dhcp_options {
	struct dhcp_area areas[3];
	size_t count;
};

/* Tells whether no option runs over the end of its area: 0 or -EBADMSG. */
[[nodiscard]] int dhcp_options_check(const struct dhcp_options *options);

/* Copies the value of the option @code, all pieces of it one behind the other (RFC 3396). Returns
 * its length, 0 when it is not there, or -EBADMSG when it has more than @size bytes: those are not
 * written. @options have been checked. */
[[nodiscard]] int dhcp_options_get(const struct dhcp_options *options, unsigned int code,
				   unsigned char *ret, size_t size);

/* Fills @lease, whose address is there, with what @options say. Returns 0, or -EBADMSG and in
 * *@ret_why, a constant, what cannot be used. */
[[nodiscard]] int dhcp_options_read(const struct dhcp_options *options, enum dhcp_type type,
				    struct dhcp_lease *lease, const char **ret_why);
