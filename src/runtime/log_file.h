/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading a container's log, which its monitor writes: one record a line, "TIME STREAM TAG TEXT",
 * with the tag P for a piece of a line that goes on in the next record of its stream, else F. */

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One record, pointing into the line it was read from. */
struct log_record {
	const char *time;
	size_t time_size;
	const char *text;
	size_t text_size;
	bool is_stderr;
	bool is_partial;
};

/* Reads a line of @size bytes without its line end. 0, or -EINVAL when it is no record. */
[[nodiscard]] int log_record_parse(const char *line, size_t size, struct log_record *ret_record);

struct log_file_options {
	int64_t tail;    /* only that many last lines; < 0: all */
	bool follow;     /* go on with what is added */
	bool timestamps; /* in front of each line */
	int stop_fd;     /* following ends once this is readable and all is read; -1: never */
};

/* Writes the output in the log @path to @out and @err_fd by stream. A line that is no record goes
 * to @out as it is. A log that is not there is LXCRI_E_SYSTEM with ENOENT. */
[[nodiscard]] int log_file_read(const char *path, const struct log_file_options *options, int out,
				int err_fd, struct lxcri_error *err);
