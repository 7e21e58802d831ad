/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading the log that a monitor writes: a file of records (runtime/log/log_record.h), and those
 * that it was before (os/rotation.h). */

#include "base/fail.h"
#include "runtime/log/log_sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_read_options {
	struct log_choice choice;
	int64_t tail; /* this many of the chosen lines at the end; < 0: all */
	bool follow;  /* go on until `end_fd` says that no more will come */
	int end_fd;   /* becomes readable then; -1: nothing will */
};

/* Copies what the container wrote to its standard output to @fd_out and what it wrote to its
 * standard error to @fd_err, in order. A line of the file that is none of the above is passed on to
 * @fd_err as it is. A reader that has gone (EPIPE) ends the copying without an error. */
[[nodiscard]] int log_file_read(const char *path, const struct log_read_options *options,
				int fd_out, int fd_err, struct lxcri_error *err);
