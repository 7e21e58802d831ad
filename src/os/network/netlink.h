/* SPDX-License-Identifier: MIT */
#pragma once

/* A netlink socket: messages are added to a batch, which is sent at once and whose answers are
 * read. The kernel works on a batch while it is sent, so the answers are there afterwards. Messages
 * are written with libmnl's mnl_nlmsg_put_extra_header() and mnl_attr_put*(). */

#include "base/scope.h"

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

/* What one message may measure. */
#define NETLINK_MESSAGE_MAX 4096

/* What a batch may measure: all 65,535 ports of a protocol published for both families of
 * addresses, each in messages of 200 bytes. */
#define NETLINK_BATCH_MAX (32u << 20)

struct netlink;

/* Opens a socket of @protocol (NETLINK_ROUTE, NETLINK_NETFILTER) in the calling thread's network
 * namespace; it stays in that one. The caller owns *@ret. Returns 0 or -errno. */
[[nodiscard]] int netlink_open(int protocol, struct netlink **ret);

/* Closes it; NULL is fine. */
void netlink_free(struct netlink *netlink);
DEFINE_AUTOPTR(netlink)

/* Adds a message of @type and @flags (NLM_F_*) with @header_size bytes of zeroes for its family's
 * header, and returns it: valid until the next one is added, with room up to NETLINK_MESSAGE_MAX.
 * NULL when the batch is full; netlink_run() fails with -EMSGSIZE then. */
struct nlmsghdr *netlink_add(struct netlink *netlink, uint16_t type, uint16_t flags,
			     size_t header_size);

/* Returns the header that follows that of @message. */
static inline void *netlink_payload(struct nlmsghdr *message)
{
	return mnl_nlmsg_get_payload(message);
}

/* Copies the text of @attribute, which need not be ended, cut to what fits into @size bytes. */
void netlink_copy_text(const struct nlattr *attribute, char *ret, size_t size);

/* Called for each message that is an answer. A value < 0 becomes the result. */
typedef int (*netlink_fn)(const struct nlmsghdr *message, void *userdata);

/* Sends what was added and reads all answers, calling @each (may be NULL) for those that are
 * neither an acknowledgement nor an end. The batch is empty afterwards. Returns 0, or the first
 * error as -errno. */
[[nodiscard]] int netlink_run(struct netlink *netlink, netlink_fn each, void *userdata);

/* Returns what the kernel said about the last failure of netlink_run(), "" when it said nothing. */
const char *netlink_complaint(const struct netlink *netlink);

/* Answers to a batch, as they are read. */
struct netlink_answers {
	uint32_t first; /* sequence numbers of the batch */
	uint32_t last;
	netlink_fn each; /* or NULL */
	void *userdata;
	int result; /* the first error as -errno */
	bool ended; /* nothing more is to come */
	char complaint[160];
};

/* Reads @size bytes of answers; malformed ones are -EBADMSG. */
void netlink_read(struct netlink_answers *answers, const void *bytes, size_t size);
