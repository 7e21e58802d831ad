/* SPDX-License-Identifier: MIT */
#pragma once

/* A stretch of an open file: a blob of a layout directory, or a member of a tar archive. */

#include "base/fail.h"
#include "base/scope.h"
#include "image/source/growth.h"

#include <stdint.h>
#include <sys/types.h>

/* Owns its descriptor. Several threads may read one file, as nothing here moves an offset. */
struct span {
	int fd;
	uint64_t offset;
	uint64_t size;
	/* Where the file still grows; NULL: all is there. Borrowed, as is its name there. */
	struct growth *growth;
	const char *hex;
};
#define SPAN_NULL ((struct span){ .fd = -1 })

/* Closes @span. Safe to repeat. */
void span_finish(struct span *span);

/* Reads up to @size bytes from @at within @span, waiting for what is still to come. Returns their
 * number, 0 at its end, or -errno; -ENODATA where the file ends before the span does, -ECANCELED
 * where it will not grow that far. The first read of a span brings its first kilobytes at once. */
[[nodiscard]] ssize_t span_read(const struct span *span, uint64_t at, void *bytes, size_t size);

/* Reads all of @span, at most @max bytes, as a document called @what. *@ret_bytes ends with a NUL
 * that *@ret_size does not count, and is owned by the caller. */
[[nodiscard]] int span_read_document(const struct span *span, size_t max, const char *what,
				     char **ret_bytes, size_t *ret_size, struct lxcri_error *err);
