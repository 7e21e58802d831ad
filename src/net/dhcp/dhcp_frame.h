/* SPDX-License-Identifier: MIT */
#pragma once

/* The headers of IP and UDP around a message of DHCP: an interface without an address can send and
 * receive nothing but whole packets. */

#include "net/dhcp/dhcp_message.h"

#include <stddef.h>

#define DHCP_FRAME_HEADERS 28

/* Room for what we send, and for what we read. */
#define DHCP_FRAME_OUT_MAX (DHCP_FRAME_HEADERS + DHCP_REQUEST_MAX)
#define DHCP_FRAME_IN_MAX  1600

/* Writes a packet with @size bytes of @message, from @source to @target; of family 0 they are "no
 * address yet" and "everybody". Returns how many bytes it has. */
size_t dhcp_frame_format(const void *message, size_t size, const struct address *source,
			 const struct address *target,
			 unsigned char ret[static DHCP_FRAME_OUT_MAX]);

/* Finds the message in a packet of @size bytes that is meant for a client. Returns 0, or -ENOENT
 * for any other packet and for a malformed one. *@ret_message points into @bytes. */
[[nodiscard]] int dhcp_frame_parse(const unsigned char *bytes, size_t size,
				   const unsigned char **ret_message, size_t *ret_size);
