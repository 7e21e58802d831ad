/* SPDX-License-Identifier: MIT */
#pragma once

/* A large file that a command writes where its user says: it takes the place of one that was there
 * when it is whole, and not before. What is no regular file, as a pipe, is written into. */

struct outfile {
	const char *path; /* borrowed */
	char *temporary;  /* until it has its name; NULL: written in place */
	int fd;
};

#define OUTFILE_NULL ((struct outfile){ .fd = -1 })

/* Opens what is to become @path, which must last as long. 0 or -errno. */
[[nodiscard]] int outfile_open(const char *path, struct outfile *ret_file);

/* Flushes it and gives it its name. 0 or -errno. */
[[nodiscard]] int outfile_commit(struct outfile *file);

/* Closes it; what was not committed is removed. Safe to repeat. */
void outfile_finish(struct outfile *file);
