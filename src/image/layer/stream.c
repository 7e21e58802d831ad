/* SPDX-License-Identifier: MIT */
/* One blob on its way in.
 *
 * How it works: the slots of the work are a ring. The feeder reads, hashes, copies and inflates
 * into the next slot that is free; the hasher adds each slot to the digest of the content; the
 * reader is lent one slot at a time. A slot is free once both have passed it. `fed`, `hashed` and
 * `taken` count slots and only grow. An error of the feeder reaches the reader after all that came
 * before it. What fits into a few slots is not worth the threads, and where the host gives none the
 * reader does the work of all. */

#include "image/layer/stream.h"

#include "base/mem.h"
#include "os/file.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define THREADED_BYTES_MIN ((uint64_t)64 << 10)
#define THREAD_STACK       ((size_t)256 << 10)

struct stream {
	struct stream_options options;
	/* The feeder's. */
	uint64_t source_at;
	uint64_t content_size;
	struct inflate_input input;
	enum compression compression;
	bool begun;
	/* The ring. */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t sizes[WORK_SLOTS];
	uint64_t fed;
	uint64_t hashed;
	uint64_t taken;
	bool ended;   /* nothing more is fed */
	bool stopped; /* nobody reads any more */
	struct lxcri_error error;
	/* The reader's. */
	bool is_lent;
	bool has_feeder;
	bool has_hasher;
	pthread_t feeder;
	pthread_t hasher;
};

struct stream *stream_create(const struct stream_options *options)
{
	struct stream *stream = xnew(struct stream);

	stream->options = *options;
	(void)pthread_mutex_init(&stream->lock, NULL);
	(void)pthread_cond_init(&stream->moved, NULL);
	return stream;
}

/* Lets the threads come to their end and waits for it. */
static void join(struct stream *stream)
{
	if (stream->has_feeder)
		(void)pthread_join(stream->feeder, NULL);
	if (stream->has_hasher)
		(void)pthread_join(stream->hasher, NULL);
	stream->has_feeder = false;
	stream->has_hasher = false;
}

static void stop(struct stream *stream)
{
	(void)pthread_mutex_lock(&stream->lock);
	stream->stopped = true;
	(void)pthread_cond_broadcast(&stream->moved);
	(void)pthread_mutex_unlock(&stream->lock);
	join(stream);
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	stop(stream);
	(void)pthread_cond_destroy(&stream->moved);
	(void)pthread_mutex_destroy(&stream->lock);
	free(stream);
}

/* Fetches the next piece of the source into the input. Returns its size, 0 at the end. */
static ssize_t fetch(struct stream *stream, struct lxcri_error *err)
{
	struct work *work = stream->options.work;
	ssize_t got = span_read(stream->options.source, stream->source_at, work->source,
				WORK_SOURCE_BYTES);

	if (got == -ENODATA)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the blob ends after %llu of %llu bytes",
			    (unsigned long long)stream->source_at,
			    (unsigned long long)stream->options.source->size);
	if (got == -ECANCELED)
		return fail(err, LXCRI_E_DOWNLOAD_FAILED, "the download ended early");
	if (got < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, (int)got, "read the blob");
	if (!stream->options.is_verified)
		hash_add(work->blob_hash, work->source, (size_t)got);
	if (stream->options.copy_fd >= 0) {
		int r = file_write_all(stream->options.copy_fd, work->source, (size_t)got);

		if (r < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "store the blob");
	}
	stream->source_at += (uint64_t)got;
	stream->input = (struct inflate_input){ work->source, (size_t)got };
	return got;
}

/* Tells whether the content has a digest of its own; that of what is not compressed is the blob's.
 */
static bool hashes_content(const struct stream *stream)
{
	return stream->compression != COMPRESSION_NONE || stream->options.is_verified;
}

static int account(struct stream *stream, size_t size, struct lxcri_error *err)
{
	struct budget *budget = stream->options.budget;

	stream->content_size += size;
	flusher_note(stream->options.flusher, size);
	if (atomic_load_explicit(&budget->cancelled, memory_order_relaxed))
		return fail(err, LXCRI_E_INVALID_STATE, "cancelled after another layer failed");
	if (budget_spend(budget, BUDGET_BYTES, size, err) < 0)
		return -1;
	return budget_check_ratio(stream->content_size, stream->source_at, err);
}

/* Fills a slot as far as the input goes. Returns its size, 0 at the end of the stream. */
static ssize_t fill(struct stream *stream, uint8_t *slot, struct lxcri_error *err)
{
	struct inflate *inflate = stream->options.work->inflate;
	size_t filled = 0;

	while (filled < WORK_SLOT_BYTES) {
		ssize_t size = inflate_read(inflate, &stream->input, slot + filled,
					    WORK_SLOT_BYTES - filled, err);

		if (size < 0 || (size > 0 && account(stream, (size_t)size, err) < 0))
			return -1;
		filled += (size_t)size;
		if (size > 0)
			continue;
		size = fetch(stream, err);
		if (size < 0)
			return -1;
		if (size == 0 && !inflate_is_complete(inflate))
			return fail(err, LXCRI_E_EXTRACT_FAILED,
				    "the compressed stream is cut off");
		if (size == 0)
			break;
	}
	return (ssize_t)filled;
}

/* Fills the next slot, and ends the stream where there is none. */
static void feed(struct stream *stream)
{
	struct lxcri_error error = {};
	size_t at = stream->fed % WORK_SLOTS;
	ssize_t size = fill(stream, stream->options.work->slots[at], &error);

	(void)pthread_mutex_lock(&stream->lock);
	if (size > 0) {
		stream->sizes[at] = (size_t)size;
		stream->fed++;
	} else {
		stream->error = error;
		stream->ended = true;
	}
	(void)pthread_cond_broadcast(&stream->moved);
	(void)pthread_mutex_unlock(&stream->lock);
}

/* Adds the next slot to the digest of the content. */
static void add_slot(struct stream *stream)
{
	size_t at = stream->hashed % WORK_SLOTS;

	if (hashes_content(stream))
		hash_add(stream->options.work->content_hash, stream->options.work->slots[at],
			 stream->sizes[at]);
	(void)pthread_mutex_lock(&stream->lock);
	stream->hashed++;
	(void)pthread_cond_broadcast(&stream->moved);
	(void)pthread_mutex_unlock(&stream->lock);
}

static bool is_full(const struct stream *stream)
{
	uint64_t passed = stream->hashed < stream->taken ? stream->hashed : stream->taken;

	return stream->fed - passed == WORK_SLOTS;
}

static void *run_feeder(void *userdata)
{
	struct stream *stream = userdata;

	for (;;) {
		(void)pthread_mutex_lock(&stream->lock);
		while (is_full(stream) && !stream->stopped)
			(void)pthread_cond_wait(&stream->moved, &stream->lock);

		bool over = stream->ended || stream->stopped;

		(void)pthread_mutex_unlock(&stream->lock);
		if (over)
			return NULL;
		feed(stream);
	}
}

static void *run_hasher(void *userdata)
{
	struct stream *stream = userdata;

	for (;;) {
		(void)pthread_mutex_lock(&stream->lock);
		while (stream->hashed == stream->fed && !stream->ended && !stream->stopped)
			(void)pthread_cond_wait(&stream->moved, &stream->lock);

		bool over = stream->hashed == stream->fed || stream->stopped;

		(void)pthread_mutex_unlock(&stream->lock);
		if (over)
			return NULL;
		add_slot(stream);
	}
}

/* span_read() fills the first chunk as far as the file goes, so the magic is whole. */
static int begin(struct stream *stream, struct lxcri_error *err)
{
	pthread_attr_t attributes;

	stream->begun = true;
	if (fetch(stream, err) < 0)
		return -1;
	stream->compression = compression_detect(stream->input.bytes, stream->input.size);
	inflate_reset(stream->options.work->inflate, stream->compression);
	if (stream->options.source->size < THREADED_BYTES_MIN)
		return 0;
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, THREAD_STACK);
	stream->has_hasher = pthread_create(&stream->hasher, &attributes, run_hasher, stream) == 0;
	stream->has_feeder = stream->has_hasher &&
			     pthread_create(&stream->feeder, &attributes, run_feeder, stream) == 0;
	(void)pthread_attr_destroy(&attributes);
	if (stream->has_hasher && !stream->has_feeder) {
		stop(stream);
		stream->stopped = false;
	}
	return 0;
}

/* Gives the slot back that is lent. Returns whether another is there; false is the end. */
static bool next_slot(struct stream *stream)
{
	if (!stream->has_feeder && !stream->ended) {
		stream->taken += stream->is_lent;
		feed(stream);
		if (!stream->ended)
			add_slot(stream);
		return !stream->ended;
	}
	(void)pthread_mutex_lock(&stream->lock);
	if (stream->is_lent) {
		stream->taken++;
		(void)pthread_cond_broadcast(&stream->moved);
	}
	while (stream->taken == stream->fed && !stream->ended)
		(void)pthread_cond_wait(&stream->moved, &stream->lock);

	bool there = stream->taken != stream->fed;

	(void)pthread_mutex_unlock(&stream->lock);
	return there;
}

ssize_t stream_read(struct stream *stream, const void **ret_bytes, struct lxcri_error *err)
{
	if (!stream->begun && begin(stream, err) < 0)
		return -1;
	stream->is_lent = next_slot(stream);
	if (!stream->is_lent && stream->error.code) {
		*err = stream->error;
		return -1;
	}
	if (!stream->is_lent)
		return 0;

	size_t at = stream->taken % WORK_SLOTS;

	*ret_bytes = stream->options.work->slots[at];
	return (ssize_t)stream->sizes[at];
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

void stream_end(struct stream *stream, struct stream_digests *ret_digests)
{
	struct work *work = stream->options.work;

	join(stream);
	*ret_digests = (struct stream_digests){ .compression = stream->compression,
						.content_size = stream->content_size };
	if (!stream->options.is_verified)
		hash_end(work->blob_hash, ret_digests->blob);
	if (hashes_content(stream))
		hash_end(work->content_hash, ret_digests->content);
	else
		memcpy(ret_digests->content, ret_digests->blob, sizeof(ret_digests->content));
}

int stream_hash_source(const struct span *source, struct work *work, char ret_hex[SHA256_HEX_SIZE],
		       struct lxcri_error *err)
{
	ssize_t got;

	hash_reset(work->blob_hash);
	for (uint64_t at = 0; at < source->size; at += (uint64_t)got) {
		got = span_read(source, at, work->source, WORK_SOURCE_BYTES);
		if (got < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, (int)got,
					       "read the blob");
		hash_add(work->blob_hash, work->source, (size_t)got);
	}
	hash_end(work->blob_hash, ret_hex);
	return 0;
}
