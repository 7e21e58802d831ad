/* SPDX-License-Identifier: MIT */
#pragma once

/* Making one thing at a spot: without a name or under a temporary one beside it first, then in
 * place. A file has no name until it is whole, so that whoever is killed leaves nothing, but where
 * the file system cannot do so (an overlay of Linux 6.1). All of these fail with
 * LXCRI_E_INVALID_ARGUMENT where a directory or a device is in the way, and with
 * LXCRI_E_COPY_FAILED. */

#include "base/fail.h"
#include "transfer/spot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What it is to be like. */
struct put_file {
	mode_t mode; /* permissions */
	uid_t owner[2];
	struct timespec mtime;
	const void *capability; /* borrowed; or NULL */
	size_t capability_size;
};

/* A file that is being written. */
struct put {
	int fd;
	const struct spot *spot; /* borrowed */
	bool is_nameless;        /* until it is whole */
	char *temporary;         /* else its name till then; NULL: it is written in place */
};
#define PUT_NULL ((struct put){ .fd = -1 })

/* Makes an empty file for @spot, or empties the one that is a mount of its own. */
[[nodiscard]] int put_open(const struct spot *spot, struct put *ret_put, struct lxcri_error *err);

/* Makes the file @fd @size bytes long: a hole at its end has no bytes. */
[[nodiscard]] int put_size(int fd, int64_t size, struct lxcri_error *err);

/* Gives the file its attributes and its name. One that was written in place keeps its own. */
[[nodiscard]] int put_commit(struct put *put, const struct put_file *file, struct lxcri_error *err);

/* Removes what has no name yet. Safe to repeat. */
void put_finish(struct put *put);

/* Times that directories get once they are filled. Zeroed is empty. */
struct put_times {
	struct put_time *items;
	size_t count;
};

/* Makes the directory at @spot, which @times will know as @path. One that is there stays as it is.
 */
[[nodiscard]] int put_dir(const struct spot *spot, const char *path, const struct put_file *file,
			  struct put_times *times, struct lxcri_error *err);

/* Sets all @times below @top. A directory that went away or became something else is passed over.
 */
void put_times_settle(const struct put_times *times, int top);

/* Frees what @times holds. */
void put_times_finish(struct put_times *times);

/* Makes a symlink to @target. */
[[nodiscard]] int put_symlink(const struct spot *spot, const char *target,
			      const struct put_file *file, struct lxcri_error *err);

/* Makes a fifo. */
[[nodiscard]] int put_fifo(const struct spot *spot, const struct put_file *file,
			   struct lxcri_error *err);

/* Makes a further name for the file at @target. */
[[nodiscard]] int put_link(const struct spot *spot, const struct spot *target,
			   struct lxcri_error *err);
