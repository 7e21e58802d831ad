/* SPDX-License-Identifier: MIT */
#pragma once

/* A file that is continued by another one when it has become large. NAME is the one that is written
 * to; NAME.1, NAME.2 and so on were it before, in this order. A rotation is one rename, so that a
 * kill or a power cut at any moment leaves every file whole and the order clear. Numbers grow for
 * ever; the files with the smallest are removed. Nothing here allocates. */

#include <stdint.h>
#include <sys/types.h>

/* Length of a name with its number, with the NUL. */
#define ROTATION_NAME_MAX 256

/* Writes the name of the file that has @number into @path; 0 is the one that is written to. */
void rotation_name(const char *name, uint64_t number, char path[ROTATION_NAME_MAX]);

/* Finds the smallest number above @after. @dirfd is open for reading. Returns 1, 0 when there is
 * none, or -errno. */
[[nodiscard]] int rotation_next(int dirfd, const char *name, uint64_t after, uint64_t *ret_number);

/* Finds the largest number below @before. Returns 1, 0 when there is none, or -errno. */
[[nodiscard]] int rotation_previous(int dirfd, const char *name, uint64_t before,
				    uint64_t *ret_number);

/* Finds the number of the file that @fd has open. Returns 1, 0 when it has none, or -errno. */
[[nodiscard]] int rotation_number_of(int dirfd, const char *name, int fd, uint64_t *ret_number);

/* Gives @name its number, and removes the oldest but @keep of those that have one. Afterwards there
 * is no file @name. Returns 0 or -errno, and can be called again then. */
[[nodiscard]] int rotation_rotate(int dirfd, const char *name, unsigned int keep);
