/* SPDX-License-Identifier: MIT */
#pragma once

/* Bringing what is unpacked to the disk while more of it is still being unpacked, so that little is
 * left for the flush at the end, which alone says that all is there. */

#include "base/scope.h"

#include <stdint.h>

struct flusher;

/* Makes one for the file system of @fd, which is borrowed. Without a thread it does nothing. The
 * caller owns it. */
[[nodiscard]] struct flusher *flusher_create(int fd);

/* Waits for the end of a flush that has begun, and frees @flusher; NULL is fine. */
void flusher_free(struct flusher *flusher);
DEFINE_AUTOPTR(flusher)

/* Notes that @size bytes more are on their way into files; NULL is fine. */
void flusher_note(struct flusher *flusher, uint64_t size);
