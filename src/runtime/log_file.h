/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading the log that a monitor writes. Each of its lines is, as Kubernetes' runtimes write it:
 *
 *     2026-11-22T01:02:03.123456789Z stdout F text
 *
 * with stdout or stderr, and F for the end of a line of the container or P for a piece of one. */

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line of the file, pointing into what it was read from. */
struct log_record {
	const char *time;
	size_t time_size;
	const char *text;
	size_t text_size;
	bool is_stderr;
	bool is_partial;
};

/* Takes a line of @size bytes without its line end apart. 0, or -EINVAL when it is no record. */
[[nodiscard]] int log_record_parse(const char *line, size_t size, struct log_record *ret_record);

struct log_read_options {
	int64_t tail;    /* this many lines at the end; < 0: all */
	bool timestamps; /* each line begins with its time */
	bool follow;     /* go on while still_writing() */

	/* Tells a follower whether more can come. */
	bool (*still_writing)(void *userdata);
	void *userdata;
};

/* Copies what the container wrote to its standard output to @fd_out and what it wrote to its
 * standard error to @fd_err, in order. A line of the file that is none of the above is passed on to
 * @fd_err as it is. A reader that has gone (EPIPE) ends the copying without an error. */
[[nodiscard]] int log_file_read(const char *path, const struct log_read_options *options,
				int fd_out, int fd_err, struct lxcri_error *err);
