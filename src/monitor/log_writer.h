/* SPDX-License-Identifier: MIT */
#pragma once

/* The container's log, as CRI has it: one record a line,
 *
 *   2026-11-22T01:02:03.123456789Z stdout F text
 *
 * with P for a piece of a line whose rest follows in the next record of the same stream. A file
 * that would become too large is continued by another (see os/rotation.h), always between two
 * records. Nothing here allocates. A file system that is full stops no container: what could not be
 * written is counted, and told by a record of its own once there is room again. */

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Smaller files could not hold a record. */
#define LOG_FILE_BYTES_MIN 1024

struct log_limits {
	uint64_t file_bytes; /* LOG_FILE_BYTES_MIN or more; 0: no limit, and one file */
	unsigned int files;  /* at least 1: with the one that is written to */
};

struct log_writer {
	int dirfd;        /* owned; -1: there is no log */
	int fd;           /* owned; -1: the file could not be made */
	const char *name; /* of the file in that directory; borrowed */
	struct log_limits limits;
	uint64_t size;          /* of the file */
	uint64_t dropped_bytes; /* of output, since the last record that could be written */
	int problem;            /* why: a positive errno */
};
#define LOG_WRITER_NULL ((struct log_writer){ .dirfd = -1, .fd = -1 })

/* Opens the log file @path, making it with mode 0640, and appends from here on; a record that a
 * killed writer has left torn is cut off. @path must outlive the writer. 0 or -errno. */
[[nodiscard]] int log_writer_open(struct log_writer *writer, const char *path,
				  const struct log_limits *limits);

/* Appends @size bytes of output of the stream called @stream that came at @when. */
void log_writer_add(struct log_writer *writer, const char *stream, const struct timespec *when,
		    const char *bytes, size_t size);

/* Closes the file. Safe to repeat. */
void log_writer_finish(struct log_writer *writer);
