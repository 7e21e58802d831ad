/* SPDX-License-Identifier: MIT */
#pragma once

/* Terminals: our own in raw mode, sizes, and the socket over which a runtime hands out the master
 * of a pseudo-terminal. */

#include <stdint.h>
#include <termios.h>

/* What terminal_make_raw() changed. */
struct terminal_mode {
	int fd; /* borrowed; -1 when nothing is to be restored */
	struct termios before;
};
#define TERMINAL_MODE_NULL ((struct terminal_mode){ .fd = -1 })

/* Makes the terminal @fd raw and remembers its mode in @mode. 0 or -errno (-ENOTTY). */
[[nodiscard]] int terminal_make_raw(int fd, struct terminal_mode *mode);

/* Restores what @mode remembers. Safe to repeat and in a signal handler. */
void terminal_restore(struct terminal_mode *mode);

/* Reads the size of the terminal @fd; 0 or -errno. */
[[nodiscard]] int terminal_get_size(int fd, uint16_t *ret_rows, uint16_t *ret_columns);

/* Sets the size of the terminal whose master is @fd; 0 or -errno. */
[[nodiscard]] int terminal_set_size(int fd, uint16_t rows, uint16_t columns);

/* Listens at @name in the directory @dirfd for the master of a terminal. Returns an fd, or -errno.
 */
[[nodiscard]] int terminal_listen(int dirfd, const char *name);

/* Takes the first connection of @listener and the descriptor that is sent over it, waiting at most
 * @timeout_ms for each. Returns the descriptor, close-on-exec and owned by the caller, or -errno
 * (-ETIMEDOUT; -EPROTO when none came along). */
[[nodiscard]] int terminal_receive(int listener, int timeout_ms);
