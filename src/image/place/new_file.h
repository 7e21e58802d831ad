/* SPDX-License-Identifier: MIT */
#pragma once

/* A file that has no name until it is whole, so that nothing is left of it whatever ends us. It
 * never takes the place of another. */

#include "base/fail.h"
#include "base/scope.h"

struct new_file {
	int fd;
	int dir; /* where it is to be */
	char *path;
	char *temporary; /* its name for the present, where a file cannot be without one; or NULL */
};
#define NEW_FILE_NULL ((struct new_file){ .fd = -1, .dir = -1 })

/* Opens a file that is to be at @path. LXCRI_E_INVALID_ARGUMENT where anything is there, a symlink
 * as well, LXCRI_E_STORAGE_ERROR. The caller ends *@ret with new_file_finish(). */
[[nodiscard]] int new_file_open(const char *path, struct new_file *ret, struct lxcri_error *err);

/* Flushes it and gives it its name. Fails as new_file_open() does. */
[[nodiscard]] int new_file_commit(struct new_file *file, struct lxcri_error *err);

/* Closes @file, and removes what has not got its name. Safe to repeat. */
void new_file_finish(struct new_file *file);
