/* SPDX-License-Identifier: MIT */
/* Answers of the kernel, whose names and addresses are often others'. */

#include "net/link.h"
#include "net/route.h"
#include "os/network/netlink.h"

#include "base/mem.h"
#include "base/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take(const struct nlmsghdr *message, void *userdata)
{
	struct link link;
	struct subnet subnet;
	unsigned int interface;

	(void)link_read(message, &link);
	(void)route_read(message, &subnet, &interface);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree void *copy = xmemdup(data, size); /* aligned, and no byte longer */
	struct netlink_answers answers = { .first = 0, .last = UINT32_MAX, .each = take };

	netlink_read(&answers, copy, size);
	return 0;
}
