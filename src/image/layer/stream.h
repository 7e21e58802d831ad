/* SPDX-License-Identifier: MIT */
#pragma once

/* One blob on its way in, read once: hashed as it is, copied into the store, inflated, and hashed
 * again as content. All that goes on ahead of the reader, in threads of its own, as far as the
 * buffers of the work reach. */

#include "image/layer/budget.h"
#include "image/layer/flusher.h"
#include "image/layer/work.h"
#include "image/source/span.h"

struct stream_options {
	const struct span *source; /* borrowed; outlives the stream */
	int copy_fd;               /* receives the bytes as they are; -1 for none. Borrowed */
	bool is_verified;          /* the bytes have been hashed before: the content alone is */
	struct budget *budget;     /* borrowed */
	struct flusher *flusher;   /* is told what comes; borrowed, or NULL */
	struct work *work;         /* reset; borrowed by this stream alone */
};

struct stream;

/* Makes a stream; how the source is compressed shows in its first bytes. The caller owns it. */
[[nodiscard]] struct stream *stream_create(const struct stream_options *options);

/* Ends the threads of @stream and frees it; NULL is fine. */
void stream_free(struct stream *stream);
DEFINE_AUTOPTR(stream)

/* Yields the next piece of content, valid until the next call. Returns its size, 0 at the end.
 * LXCRI_E_EXTRACT_FAILED, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_STORAGE_ERROR, LXCRI_E_DOWNLOAD_FAILED
 * for a source that stops growing. */
[[nodiscard]] ssize_t stream_read(struct stream *stream, const void **ret_bytes,
				  struct lxcri_error *err);

/* Reads what is left of the content, for the sake of the digests. */
[[nodiscard]] int stream_drain(struct stream *stream, struct lxcri_error *err);

/* Hashes what @source holds as it is, with @work, which no stream has meanwhile.
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int stream_hash_source(const struct span *source, struct work *work,
				     char ret_hex[SHA256_HEX_SIZE], struct lxcri_error *err);

/* The result of a stream that was read to its end. */
struct stream_digests {
	char blob[SHA256_HEX_SIZE]; /* empty where the bytes had been verified */
	char content[SHA256_HEX_SIZE];
	enum compression compression;
	uint64_t content_size;
};

/* Ends both digests of a stream that was read to its end; @stream can only be freed afterwards. */
void stream_end(struct stream *stream, struct stream_digests *ret_digests);
