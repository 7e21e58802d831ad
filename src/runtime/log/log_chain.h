/* SPDX-License-Identifier: MIT */
#pragma once

/* The lines of a file and of those that it was before (see os/rotation.h), in order, while somebody
 * may write and rotate. Each line is handed out once: who reads on sees what is added, whatever the
 * files are called by then. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Longer lines are handed out in pieces. */
#define LOG_CHAIN_LINE_MAX (128u << 10)

struct log_chain {
	int dirfd; /* owned */
	char *name;
	int fd;          /* of the file that is read; owned; -1: not at one yet */
	uint64_t number; /* of that file; 0: it has none, or not yet */
	uint64_t last;   /* of the files that have been read */
	bool is_final;   /* nobody writes to the file any more */
	bool has_gap;    /* files were removed before they could be read */
	off_t offset;    /* of what is read next */
	char *buffer;
	size_t from;
	size_t size;
};
#define LOG_CHAIN_NULL ((struct log_chain){ .dirfd = -1, .fd = -1 })

/* Begins before the oldest file of @path. What has not been made yet is waited for like a line.
 * 0, or -errno where the directory cannot be opened. */
[[nodiscard]] int log_chain_open(struct log_chain *chain, const char *path);

/* Hands out the next line without its end; borrowed until the next call. Returns 1 with a line, 0
 * when there is no whole line more at the moment, or -errno. */
[[nodiscard]] int log_chain_next(struct log_chain *chain, const char **ret_line, size_t *ret_size);

/* The same within the file, whether others follow it or not. */
[[nodiscard]] int log_chain_next_here(struct log_chain *chain, const char **ret_line,
				      size_t *ret_size);

/* Goes to the start of the next file, skipping the rest of this one. Returns 1, 0 when there is
 * none, or -errno. */
[[nodiscard]] int log_chain_advance(struct log_chain *chain);

/* Goes to the start of the file that is written to, or was last. Returns 1, 0 when there is none,
 * or -errno. */
[[nodiscard]] int log_chain_go_newest(struct log_chain *chain);

/* Goes behind all that is there. Returns 0 or -errno. */
[[nodiscard]] int log_chain_go_end(struct log_chain *chain);

/* Goes to the start of the file before this one. Returns 1, 0 when there is none, or -errno. */
[[nodiscard]] int log_chain_go_back(struct log_chain *chain);

/* Goes to @offset in the file. */
void log_chain_seek(struct log_chain *chain, off_t offset);

/* Closes everything. Safe to repeat. */
void log_chain_finish(struct log_chain *chain);
