/* SPDX-License-Identifier: MIT */
/* One blob on its way in. */

#include "image/layer/stream.h"

#include "base/mem.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>

/* Large enough that calls do not count, small enough for the second cache level. */
#define SOURCE_CHUNK  (128u << 10)
#define CONTENT_CHUNK (256u << 10)

struct stream {
	struct stream_options options;
	uint64_t source_at;
	uint64_t content_size;
	struct hash *blob_hash;
	struct hash *content_hash; /* NULL while nothing is compressed: it is the same */
	struct inflate *inflate;   /* NULL before the first bytes */
	enum compression compression;
	struct inflate_input input;
	uint8_t *source_bytes;
	uint8_t *content_bytes;
};

struct stream *stream_create(const struct stream_options *options)
{
	struct stream *stream = xnew(struct stream);

	stream->options = *options;
	stream->blob_hash = hash_create();
	stream->source_bytes = xcalloc(SOURCE_CHUNK, 1);
	stream->content_bytes = xcalloc(CONTENT_CHUNK, 1);
	return stream;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	hash_free(stream->blob_hash);
	hash_free(stream->content_hash);
	inflate_free(stream->inflate);
	free(stream->source_bytes);
	free(stream->content_bytes);
	free(stream);
}

/* Fetches the next piece of the source into the input. Returns its size, 0 at the end. */
static ssize_t fetch(struct stream *stream, struct lxcri_error *err)
{
	ssize_t got = span_read(stream->options.source, stream->source_at, stream->source_bytes,
				SOURCE_CHUNK);

	if (got == -ENODATA)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the blob ends after %llu of %llu bytes",
			    (unsigned long long)stream->source_at,
			    (unsigned long long)stream->options.source->size);
	if (got < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, (int)got, "read the blob");
	hash_add(stream->blob_hash, stream->source_bytes, (size_t)got);
	if (stream->options.copy_fd >= 0) {
		int r = file_write_all(stream->options.copy_fd, stream->source_bytes, (size_t)got);

		if (r < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "store the blob");
	}
	stream->source_at += (uint64_t)got;
	stream->input = (struct inflate_input){ stream->source_bytes, (size_t)got };
	return got;
}

/* span_read() fills the first chunk as far as the file goes, so the magic is whole. */
static void choose_inflate(struct stream *stream)
{
	stream->compression = compression_detect(stream->input.bytes, stream->input.size);
	stream->inflate = inflate_create(stream->compression);
	if (stream->compression != COMPRESSION_NONE)
		stream->content_hash = hash_create();
}

static int account(struct stream *stream, size_t size, struct lxcri_error *err)
{
	stream->content_size += size;
	if (atomic_load_explicit(&stream->options.budget->cancelled, memory_order_relaxed))
		return fail(err, LXCRI_E_INVALID_STATE, "cancelled after another layer failed");
	if (budget_spend(stream->options.budget, BUDGET_BYTES, size, err) < 0)
		return -1;
	if (stream->content_hash)
		hash_add(stream->content_hash, stream->content_bytes, size);
	return budget_check_ratio(stream->content_size, stream->source_at, err);
}

ssize_t stream_read(struct stream *stream, const void **ret_bytes, struct lxcri_error *err)
{
	for (;;) {
		if (stream->inflate) {
			ssize_t size = inflate_read(stream->inflate, &stream->input,
						    stream->content_bytes, CONTENT_CHUNK, err);

			if (size < 0 || (size > 0 && account(stream, (size_t)size, err) < 0))
				return -1;
			if (size > 0) {
				*ret_bytes = stream->content_bytes;
				return size;
			}
		}

		ssize_t got = fetch(stream, err);

		if (got < 0)
			return -1;
		if (got > 0 && !stream->inflate)
			choose_inflate(stream);
		if (got == 0 && stream->inflate && !inflate_is_complete(stream->inflate))
			return fail(err, LXCRI_E_EXTRACT_FAILED,
				    "the compressed stream is cut off");
		if (got == 0)
			return 0;
	}
}

int stream_drain(struct stream *stream, struct lxcri_error *err)
{
	const void *bytes;
	ssize_t size;

	do {
		size = stream_read(stream, &bytes, err);
	} while (size > 0);
	return (int)size;
}

int stream_drain_source(struct stream *stream, struct lxcri_error *err)
{
	ssize_t got;

	do {
		got = fetch(stream, err);
	} while (got > 0);
	return (int)got;
}

void stream_end(struct stream *stream, struct stream_digests *ret_digests)
{
	*ret_digests = (struct stream_digests){ .compression = stream->compression,
						.content_size = stream->content_size };
	hash_end(stream->blob_hash, ret_digests->blob);
	if (stream->content_hash)
		hash_end(stream->content_hash, ret_digests->content);
	else
		memcpy(ret_digests->content, ret_digests->blob, sizeof(ret_digests->content));
}
