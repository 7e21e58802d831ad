/* SPDX-License-Identifier: MIT */
#pragma once

/* One line of a log file, as Kubernetes' runtimes write it:
 *
 *     2026-11-22T01:02:03.123456789Z stdout F text
 *
 * with stdout or stderr, and F for the end of a line of the container or P for a piece of one. */

#include <stdbool.h>
#include <stddef.h>

/* Points into what it was read from. */
struct log_record {
	const char *time; /* NULL: none is known */
	size_t time_size;
	const char *text;
	size_t text_size;
	bool is_stderr;
	bool is_partial;
};

/* Takes a line of @size bytes without its line end apart. 0, or -EINVAL when it is no record. */
[[nodiscard]] int log_record_parse(const char *line, size_t size, struct log_record *ret_record);
