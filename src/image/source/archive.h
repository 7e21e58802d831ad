/* SPDX-License-Identifier: MIT */
#pragma once

/* A tar archive that carries an image: its members by name, for reading in any order. Nothing of it
 * is unpacked. */

#include "base/fail.h"
#include "base/scope.h"
#include "image/source/span.h"

struct archive_file;

/* Opens and indexes the archive behind @fd, which is borrowed. A compressed one is inflated into an
 * unnamed file in the directory @scratch_fd first. LXCRI_E_INVALID_FORMAT for what is no whole tar
 * archive, or names a member twice or with ".."; LXCRI_E_LIMIT_EXCEEDED; LXCRI_E_STORAGE_ERROR.
 * The caller owns *@ret_archive. */
[[nodiscard]] int archive_file_open(int fd, int scratch_fd, struct archive_file **ret_archive,
				    struct lxcri_error *err);

/* Frees @archive; NULL is fine. */
void archive_file_free(struct archive_file *archive);
DEFINE_AUTOPTR(archive_file)

/* What to do about a member that is a symlink: docker save makes some, between its members. */
enum archive_links { ARCHIVE_NO_LINKS, ARCHIVE_FOLLOW_LINK };

/* Finds the regular member @name. *@ret_span is owned by the caller. LXCRI_E_INVALID_FORMAT when it
 * is missing or something else; a symlink is followed once, to a member, when @links say so. */
[[nodiscard]] int archive_file_find(const struct archive_file *archive, const char *name,
				    enum archive_links links, struct span *ret_span,
				    struct lxcri_error *err);
