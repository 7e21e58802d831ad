/* SPDX-License-Identifier: MIT */
#pragma once

/* Connections that the kernel remembers. */

#include "net/address.h"

struct conntrack_target {
	uint8_t protocol; /* IPPROTO_* */
	struct address address;
	uint16_t port;
};

/* Has the kernel of the calling thread's network namespace forget what it leads to one of @targets
 * instead of where it was sent. What cannot be asked for, as where the kernel has no such
 * interface, is left to end by itself. */
void conntrack_forget(const struct conntrack_target *targets, size_t n_targets);
