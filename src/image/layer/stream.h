/* SPDX-License-Identifier: MIT */
#pragma once

/* One blob on its way in, read once: hashed as it is, copied into the store, inflated, and hashed
 * again as content. */

#include "image/layer/budget.h"
#include "image/layer/hash.h"
#include "image/layer/inflate.h"
#include "image/source/span.h"

struct stream_options {
	const struct span *source; /* borrowed; outlives the stream */
	int copy_fd;               /* receives the bytes as they are; -1 for none. Borrowed */
	struct budget *budget;     /* borrowed */
};

struct stream;

/* Makes a stream; how the source is compressed shows in its first bytes. The caller owns it. */
[[nodiscard]] struct stream *stream_create(const struct stream_options *options);

/* Frees @stream; NULL is fine. */
void stream_free(struct stream *stream);
DEFINE_AUTOPTR(stream)

/* Yields the next piece of content, valid until the next call. Returns its size, 0 at the end.
 * LXCRI_E_EXTRACT_FAILED, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] ssize_t stream_read(struct stream *stream, const void **ret_bytes,
				  struct lxcri_error *err);

/* Reads what is left of the content, for the sake of the digests. */
[[nodiscard]] int stream_drain(struct stream *stream, struct lxcri_error *err);

/* Reads what is left of the source without inflating it: after a damaged stream this tells whether
 * the bytes are at least those that were announced. */
[[nodiscard]] int stream_drain_source(struct stream *stream, struct lxcri_error *err);

/* The result of a stream that was read to its end. */
struct stream_digests {
	char blob[SHA256_HEX_SIZE];
	char content[SHA256_HEX_SIZE];
	enum compression compression;
	uint64_t content_size;
};

/* Ends both digests; @stream can only be freed afterwards. */
void stream_end(struct stream *stream, struct stream_digests *ret_digests);
