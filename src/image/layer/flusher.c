/* SPDX-License-Identifier: MIT */
/* Bringing what is unpacked to the disk meanwhile. */

#include "image/layer/flusher.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

/* What a disk writes in some hundred milliseconds: less would have inodes and bitmaps written more
 * often than they need to be. */
#define STEP_BYTES   ((uint64_t)128 << 20)
#define THREAD_STACK ((size_t)64 << 10)

struct flusher {
	int fd;
	atomic_uint_fast64_t noted;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool is_due;
	bool is_over;
};

static void *run(void *userdata)
{
	struct flusher *flusher = userdata;

	for (;;) {
		(void)pthread_mutex_lock(&flusher->lock);
		while (!flusher->is_due && !flusher->is_over)
			(void)pthread_cond_wait(&flusher->moved, &flusher->lock);

		bool is_over = flusher->is_over;

		flusher->is_due = false;
		(void)pthread_mutex_unlock(&flusher->lock);
		if (is_over)
			return NULL;
		/* What fails here fails at the end as well. */
		(void)syncfs(flusher->fd);
	}
}

struct flusher *flusher_create(int fd)
{
	struct flusher *flusher = xnew(struct flusher);
	pthread_attr_t attributes;

	flusher->fd = fd;
	(void)pthread_mutex_init(&flusher->lock, NULL);
	(void)pthread_cond_init(&flusher->moved, NULL);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, THREAD_STACK);
	flusher->has_thread = pthread_create(&flusher->thread, &attributes, run, flusher) == 0;
	(void)pthread_attr_destroy(&attributes);
	return flusher;
}

void flusher_free(struct flusher *flusher)
{
	if (!flusher)
		return;
	(void)pthread_mutex_lock(&flusher->lock);
	flusher->is_over = true;
	(void)pthread_cond_broadcast(&flusher->moved);
	(void)pthread_mutex_unlock(&flusher->lock);
	if (flusher->has_thread)
		(void)pthread_join(flusher->thread, NULL);
	(void)pthread_cond_destroy(&flusher->moved);
	(void)pthread_mutex_destroy(&flusher->lock);
	free(flusher);
}

void flusher_note(struct flusher *flusher, uint64_t size)
{
	uint64_t before;

	if (!flusher)
		return;
	before = atomic_fetch_add(&flusher->noted, size);
	if (before / STEP_BYTES == (before + size) / STEP_BYTES)
		return;
	(void)pthread_mutex_lock(&flusher->lock);
	flusher->is_due = true;
	(void)pthread_cond_broadcast(&flusher->moved);
	(void)pthread_mutex_unlock(&flusher->lock);
}
