/* SPDX-License-Identifier: MIT */
/* A stretch of an open file. */

#include "image/source/span.h"

#include "base/mem.h"

#include <errno.h>

void span_finish(struct span *span)
{
	closep(&span->fd);
	*span = SPAN_NULL;
}

/* Waking up for less would cost more than it brings. */
#define GROWTH_BYTES ((size_t)64 << 10)

/* Cuts *@size to what is there of a file that grows. Returns 0 or -errno. */
static int await(const struct span *span, uint64_t at, size_t *size)
{
	size_t least = *size < GROWTH_BYTES ? *size : GROWTH_BYTES;
	int64_t there = growth_wait(span->growth, span->hex, at + least);

	if (there < 0)
		return (int)there;
	if (*size > (uint64_t)there - at)
		*size = (size_t)((uint64_t)there - at);
	return 0;
}

ssize_t span_read(const struct span *span, uint64_t at, void *bytes, size_t size)
{
	ssize_t got;

	if (at >= span->size)
		return 0;
	if (size > span->size - at)
		size = (size_t)(span->size - at);
	if (span->growth) {
		int r = await(span, at, &size);

		if (r < 0)
			return r;
	}
	do {
		got = pread(span->fd, bytes, size, (off_t)(span->offset + at));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return got == 0 ? -ENODATA : got;
}

int span_read_document(const struct span *span, size_t max, const char *what, char **ret_bytes,
		       size_t *ret_size, struct lxcri_error *err)
{
	if (span->size > max)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "%s has %llu bytes, more than %zu", what,
			    (unsigned long long)span->size, max);

	size_t size = (size_t)span->size;
	autofree char *bytes = xcalloc(size + 1, 1);

	for (size_t at = 0; at < size;) {
		ssize_t got = span_read(span, at, bytes + at, size - at);

		if (got == -ENODATA)
			return fail(err, LXCRI_E_INVALID_FORMAT, "%s ends early", what);
		if (got < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, (int)got, "read %s",
					       what);
		at += (size_t)got;
	}
	*ret_bytes = steal(bytes);
	*ret_size = size;
	return 0;
}
