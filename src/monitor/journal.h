/* SPDX-License-Identifier: MIT */
#pragma once

/* The container's output in the journal of the host, by journald's native protocol (systemd's
 * JOURNAL_NATIVE_PROTOCOL): a datagram for each line. Nothing here allocates. While journald takes
 * no more, the container waits; while there is no journald, lines are dropped and counted, and a
 * message tells how much once it is back. */

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* The fields that every message of one chunk has. */
#define JOURNAL_HEAD_MAX 1024

struct journal {
	int fd;             /* owned; -1: not connected */
	const char *id;     /* of the container; borrowed. NULL: no journal */
	const char *log_id; /* borrowed */
	uint64_t dropped_bytes;
	int problem; /* why: a positive errno */
};
#define JOURNAL_NULL ((struct journal){ .fd = -1 })

/* Connects to journald for the container @id, whose messages have the field LXCRI_LOG=@log_id; both
 * must outlive @journal. 0 or -errno. */
[[nodiscard]] int journal_open(struct journal *journal, const char *id, const char *log_id);

/* Sends the lines of @size bytes of output of the stream called @stream that came at @when. Returns
 * how many bytes are done with; fewer than @size when journald takes no more at the moment. Whoever
 * calls goes on with the rest when the descriptor can be written to. */
[[nodiscard]] size_t journal_add(struct journal *journal, const char *stream,
				 const struct timespec *when, const char *bytes, size_t size);

/* Closes the connection. Safe to repeat. */
void journal_finish(struct journal *journal);
