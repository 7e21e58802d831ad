/* SPDX-License-Identifier: MIT */
#pragma once

/* The container's log, as CRI has it: one record a line,
 *
 *   2026-11-22T01:02:03.123456789Z stdout F text
 *
 * with P for a piece of a line whose rest follows in the next record of the same stream. Nothing
 * here allocates. A file system that is full stops no container: what could not be written is
 * counted, and told by a record of its own once there is room again. */

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct log_writer {
	int fd;                 /* owned; -1: there is no log */
	uint64_t dropped_bytes; /* of output, since the last record that could be written */
	int problem;            /* why: a positive errno */
};
#define LOG_WRITER_NULL ((struct log_writer){ .fd = -1 })

/* Opens the log file @path, making it with mode 0640, and appends from here on. 0 or -errno. */
[[nodiscard]] int log_writer_open(struct log_writer *writer, const char *path);

/* Appends @size bytes of output of the stream called @stream that came at @when. */
void log_writer_add(struct log_writer *writer, const char *stream, const struct timespec *when,
		    const char *bytes, size_t size);

/* Closes the file. Safe to repeat. */
void log_writer_finish(struct log_writer *writer);
