/* SPDX-License-Identifier: MIT */
#pragma once

/* A tar archive of regular files, written from its beginning to its end: to a pipe as well. The
 * same files give the same bytes. */

#include "base/fail.h"
#include "base/scope.h"

#include <stdint.h>

struct tar_writer;

/* Makes a writer to @fd, which is borrowed. The caller owns it. */
[[nodiscard]] struct tar_writer *tar_writer_create(int fd);

/* Frees @writer; NULL is fine. */
void tar_writer_free(struct tar_writer *writer);
DEFINE_AUTOPTR(tar_writer)

/* Begins the file @name, at most 100 bytes long, of @size bytes, all of which must follow.
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int tar_writer_begin(struct tar_writer *writer, const char *name, uint64_t size,
				   struct lxcri_error *err);

/* Adds bytes to the file that was begun; more than it announced is LXCRI_E_INTEGRITY_CHECK_FAILED.
 */
[[nodiscard]] int tar_writer_add(struct tar_writer *writer, const void *bytes, size_t size,
				 struct lxcri_error *err);

/* Ends the file; LXCRI_E_INTEGRITY_CHECK_FAILED where it is shorter than announced. */
[[nodiscard]] int tar_writer_end(struct tar_writer *writer, struct lxcri_error *err);

/* Ends the archive: without this it is cut off. */
[[nodiscard]] int tar_writer_finish(struct tar_writer *writer, struct lxcri_error *err);
