/* SPDX-License-Identifier: MIT */
#pragma once

/* What the process that fetches an image and the one that takes it in tell each other, over a pair
 * of sockets that keep messages apart. Neither believes the other more than it believes a
 * registry: a message has one form, and whoever receives it knows what it may mean. */

#include "base/sha256.h"

#include <stdint.h>

#define FEED_TYPE_SIZE 127

enum feed_kind {
	/* From who fetches. */
	FEED_IMAGE = 1, /* manifest @hex of @media_type and its config are there; all said before is
			 * void. @number is another each time */
	FEED_BYTES,     /* the first @number bytes of the blob @hex are there */
	/* From who takes in; @number is that of the image. */
	FEED_RIGHT, /* the blob @hex is verified */
	FEED_WRONG, /* what is there of the blob @hex is not it; an image has to follow */
	FEED_LAST = FEED_WRONG
};

struct feed_message {
	uint32_t kind;
	uint32_t unused;
	uint64_t number;
	char hex[SHA256_HEX_SIZE];
	char media_type[FEED_TYPE_SIZE];
};

enum feed_wait { FEED_WAIT, FEED_TRY };

/* Sends that message, waiting for room. Texts that are too long are -EINVAL; -EPIPE: nobody
 * listens. Returns 0 or -errno. */
[[nodiscard]] int feed_send(int fd, enum feed_kind kind, const char *hex, uint64_t number,
			    const char *media_type);

/* Receives a message. Returns 1, 0 when the other end is closed, or -errno: -EAGAIN with FEED_TRY
 * where none is there, -EPROTO for what is none. */
[[nodiscard]] int feed_receive(int fd, enum feed_wait wait, struct feed_message *ret);
