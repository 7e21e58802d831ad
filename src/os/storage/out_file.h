/* SPDX-License-Identifier: MIT */
#pragma once

/* A file that appears under its name once it is whole. */

#include "base/fail.h"
#include "base/scope.h"

#include <stdbool.h>
#include <sys/types.h>

struct out_file {
	int fd;
	char *path;
	char *temporary;  /* NULL without one: as yet, or because @path itself is written: a pipe */
	bool is_nameless; /* until it is committed */
	mode_t mode;
};
#define OUT_FILE_NULL ((struct out_file){ .fd = -1 })

/* Opens @path ("-": standard output) for writing. What is there stays until out_file_commit(), and
 * the new file has its mode; without one it is @mode but for the umask. LXCRI_E_STORAGE_ERROR;
 * LXCRI_E_INVALID_ARGUMENT for a terminal. */
[[nodiscard]] int out_file_open(const char *path, mode_t mode, struct out_file *ret,
				struct lxcri_error *err);

/* Flushes what was written and gives it its name. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int out_file_commit(struct out_file *out, struct lxcri_error *err);

/* Closes @out, and removes what has no name yet. Safe to repeat. */
void out_file_finish(struct out_file *out);
