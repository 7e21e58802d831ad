/* SPDX-License-Identifier: MIT */
#pragma once

/* One question to a container's address, asked beside the loop: whether it takes a connection, or
 * what it answers to a request of HTTP. Whoever answers is taken for hostile: nothing beyond the
 * first line is waited for, of which there is a limit, and all of it ends with the timeout. */

#include "net/address.h"
#include "serve/serve.h"

struct dial;

struct dial_end {
	bool is_success;
	const char *output; /* what it said, or why it failed */
};

typedef void (*dial_fn)(void *userdata, const struct dial_end *end);

struct dial_options {
	struct address address;
	uint16_t port;
	const char *request; /* of HTTP, copied; NULL: a connection is all that is wanted */
	uint64_t timeout_us;
	dial_fn ended; /* called once, unless the dial is freed before; it may free it */
	void *userdata;
};

/* Begins. The caller owns *@ret. 0 or -errno. */
[[nodiscard]] int dial_start(const struct serve_part *part, const struct dial_options *options,
			     struct dial **ret);

/* Gives it up; NULL is fine. */
void dial_free(struct dial *dial);
DEFINE_AUTOPTR(dial)
