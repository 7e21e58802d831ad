/* SPDX-License-Identifier: MIT */
#pragma once

/* How a follower of a file sleeps until there is more. */

#include <stdint.h>

struct log_wait {
	int watch; /* an inotify descriptor on the file's directory; owned */
	int end_fd;
	int output_fd;
};
#define LOG_WAIT_NULL ((struct log_wait){ .watch = -1, .end_fd = -1, .output_fd = -1 })

/* Begins to watch the directory of @path. @end_fd becomes readable when nothing more will come; -1:
 * nothing tells. @output_fd is where the reader writes to: when nobody reads there any more, that
 * is an end too. Both stay the caller's. 0 or -errno. */
[[nodiscard]] int log_wait_init(struct log_wait *wait, const char *path, int end_fd, int output_fd);

/* Sleeps until something in the directory has changed, or until @until_ns (0: for ever). Returns 0,
 * 1 when nothing more will come, or -errno. */
[[nodiscard]] int log_wait_more(struct log_wait *wait, int64_t until_ns);

/* Closes what @wait holds. Safe to repeat. */
void log_wait_finish(struct log_wait *wait);
