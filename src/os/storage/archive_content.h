/* SPDX-License-Identifier: MIT */
#pragma once

/* The content of a file on its way into an archive, holes left out. For the programs that link
 * libarchive. */

#include <stddef.h>
#include <sys/stat.h>

struct archive;
struct archive_entry;

#define ARCHIVE_CONTENT_BUFFER ((size_t)256 << 10)

/* Notes in @entry where the file @fd has data, unless it has no holes or too many. */
void archive_content_note(struct archive_entry *entry, int fd, const struct stat *status);

/* Writes the file @fd to @archive, where the header of @entry was written last, by @buffer, which
 * has ARCHIVE_CONTENT_BUFFER bytes. Returns 0; -errno where the file can't be read, -ENODATA where
 * it has become shorter; 1 where the archive can't be written, which archive_error_string()
 * explains. */
[[nodiscard]] int archive_content_write(struct archive *archive, struct archive_entry *entry,
					int fd, char *buffer);
