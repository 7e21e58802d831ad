/* SPDX-License-Identifier: MIT */
/* An image that another process is fetching.
 *
 * How it works: one thread receives what is told and notes it under the lock; whoever needs bytes
 * sleeps until the note says that they are there. Each image that is announced has a number;
 * whoever waits for one that is no longer the last, or was cancelled, fails. */

#include "image/source/growth.h"

#include "base/mem.h"
#include "image/worker/feed.h"
#include "oci/manifest.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#define BLOBS_MAX    (MANIFEST_LAYERS_MAX + 1)
#define THREAD_STACK ((size_t)128 << 10)

struct blob_note {
	char hex[SHA256_HEX_SIZE];
	uint64_t bytes;
};

struct growth {
	int fd;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	/* What is told. */
	bool is_over; /* nothing more is */
	uint64_t announced;
	struct feed_message image;
	struct blob_note *notes;
	size_t n_notes;
	/* What we are at: the number of an image; 0: none. */
	uint64_t current;
	bool is_cancelled;
	bool is_rejected;
};

/* Returns the note of @hex, or NULL. */
static struct blob_note *find(struct growth *growth, const char *hex)
{
	for (size_t i = 0; i < growth->n_notes; i++)
		if (strcmp(growth->notes[i].hex, hex) == 0)
			return &growth->notes[i];
	return NULL;
}

/* Returns false for what nobody who keeps to the rules says. */
static bool note(struct growth *growth, const struct feed_message *message)
{
	struct blob_note *blob;

	if (message->kind == FEED_IMAGE) {
		growth->image = *message;
		growth->announced++;
		growth->n_notes = 0;
		return true;
	}
	if (message->kind != FEED_BYTES || growth->announced == 0)
		return false;
	blob = find(growth, message->hex);
	if (!blob) {
		if (growth->n_notes == BLOBS_MAX)
			return false;
		blob = &growth->notes[growth->n_notes++];
		*blob = (struct blob_note){};
		memcpy(blob->hex, message->hex, sizeof(blob->hex));
	}
	if (message->number > blob->bytes)
		blob->bytes = message->number;
	return true;
}

static void *listen_to(void *userdata)
{
	struct growth *growth = userdata;
	bool is_over;

	do {
		struct feed_message message;
		int r = feed_receive(growth->fd, FEED_WAIT, &message);

		(void)pthread_mutex_lock(&growth->lock);
		is_over = r <= 0 || !note(growth, &message);
		growth->is_over = is_over;
		(void)pthread_cond_broadcast(&growth->moved);
		(void)pthread_mutex_unlock(&growth->lock);
	} while (!is_over);
	/* Who did not keep to the rules must not go on as if somebody listened. */
	(void)shutdown(growth->fd, SHUT_RDWR);
	return NULL;
}

int growth_create(int fd, struct growth **ret_growth, struct lxcri_error *err)
{
	autoptr(growth) growth = xnew(struct growth);
	pthread_attr_t attributes;
	int r;

	growth->fd = fd;
	growth->notes = xcalloc(BLOBS_MAX, sizeof(growth->notes[0]));
	(void)pthread_mutex_init(&growth->lock, NULL);
	(void)pthread_cond_init(&growth->moved, NULL);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, THREAD_STACK);
	r = pthread_create(&growth->thread, &attributes, listen_to, growth);
	(void)pthread_attr_destroy(&attributes);
	if (r != 0)
		return fail_errno(err, r, "start a thread");
	growth->has_thread = true;
	*ret_growth = steal(growth);
	return 0;
}

void growth_free(struct growth *growth)
{
	if (!growth)
		return;
	(void)shutdown(growth->fd, SHUT_RDWR);
	if (growth->has_thread)
		(void)pthread_join(growth->thread, NULL);
	(void)pthread_cond_destroy(&growth->moved);
	(void)pthread_mutex_destroy(&growth->lock);
	free(growth->notes);
	free(growth);
}

int growth_next(struct growth *growth, char **ret_digest, char **ret_media_type)
{
	int r = 0;

	(void)pthread_mutex_lock(&growth->lock);
	while (growth->announced == growth->current && !growth->is_over)
		(void)pthread_cond_wait(&growth->moved, &growth->lock);
	if (growth->announced != growth->current) {
		growth->current = growth->announced;
		growth->is_cancelled = false;
		growth->is_rejected = false;
		*ret_digest = xformat("sha256:%s", growth->image.hex);
		*ret_media_type = xstrdup(growth->image.media_type);
		r = 1;
	}
	(void)pthread_mutex_unlock(&growth->lock);
	return r;
}

void growth_cancel(struct growth *growth)
{
	(void)pthread_mutex_lock(&growth->lock);
	growth->is_cancelled = true;
	(void)pthread_cond_broadcast(&growth->moved);
	(void)pthread_mutex_unlock(&growth->lock);
}

static bool is_void(const struct growth *growth)
{
	return growth->is_cancelled || growth->current != growth->announced;
}

int64_t growth_wait(struct growth *growth, const char *hex, uint64_t wanted)
{
	const struct blob_note *blob;
	int64_t there = -ECANCELED;

	(void)pthread_mutex_lock(&growth->lock);
	while (!is_void(growth)) {
		blob = find(growth, hex);
		if (blob && blob->bytes >= wanted) {
			there = (int64_t)blob->bytes;
			break;
		}
		if (growth->is_over)
			break;
		(void)pthread_cond_wait(&growth->moved, &growth->lock);
	}
	(void)pthread_mutex_unlock(&growth->lock);
	return there;
}

/* Returns the number of that which is ready and has come farthest, or -1. */
static ssize_t farthest(struct growth *growth, const char *const *hexes, const bool *is_taken,
			size_t count)
{
	const struct blob_note *best = NULL;
	ssize_t chosen = -1;

	for (size_t i = 0; i < count; i++) {
		const struct blob_note *blob = is_taken[i] ? NULL : find(growth, hexes[i]);

		if (!blob || (best && blob->bytes <= best->bytes))
			continue;
		best = blob;
		chosen = (ssize_t)i;
	}
	return chosen;
}

ssize_t growth_choose(struct growth *growth, const char *const *hexes, bool *is_taken, size_t count)
{
	ssize_t chosen = -ECANCELED;

	(void)pthread_mutex_lock(&growth->lock);
	while (!is_void(growth)) {
		ssize_t ready = farthest(growth, hexes, is_taken, count);

		if (ready >= 0) {
			is_taken[ready] = true;
			chosen = ready;
			break;
		}
		if (growth->is_over)
			break;
		(void)pthread_cond_wait(&growth->moved, &growth->lock);
	}
	(void)pthread_mutex_unlock(&growth->lock);
	return chosen;
}

void growth_judge(struct growth *growth, const char *hex, enum growth_verdict verdict)
{
	bool is_current;
	uint64_t number;

	(void)pthread_mutex_lock(&growth->lock);
	number = growth->image.number;
	is_current = !is_void(growth) && !growth->is_rejected;
	if (is_current && verdict == GROWTH_WRONG) {
		growth->is_rejected = true;
		growth->is_cancelled = true;
		(void)pthread_cond_broadcast(&growth->moved);
	}
	(void)pthread_mutex_unlock(&growth->lock);
	/* Nobody to tell is noticed by the listener. */
	if (is_current)
		(void)feed_send(growth->fd, verdict == GROWTH_RIGHT ? FEED_RIGHT : FEED_WRONG, hex,
				number, NULL);
}

bool growth_is_rejected(struct growth *growth)
{
	(void)pthread_mutex_lock(&growth->lock);

	bool is_rejected = growth->is_rejected;

	(void)pthread_mutex_unlock(&growth->lock);
	return is_rejected;
}
