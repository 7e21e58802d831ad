/* SPDX-License-Identifier: MIT */
/* The same work on many things, several at a time. */

#include "image/layer/parallel.h"

#include "base/mem.h"
#include "lxcri/layer.h"

#include <pthread.h>
#include <sched.h>

#define WORKERS_MAX 64
/* The deepest call chain is removing a tree: some hundred bytes a level. */
#define THREAD_STACK ((size_t)512 << 10)

struct run {
	const struct parallel *parallel;
	atomic_size_t next;
	pthread_mutex_t lock; /* of the error */
	struct lxcri_error error;
};

static void *work(void *userdata)
{
	struct run *run = userdata;
	const struct parallel *parallel = run->parallel;
	size_t i;

	while (!atomic_load(parallel->cancelled) &&
	       (i = atomic_fetch_add(&run->next, 1)) < parallel->count) {
		struct lxcri_error error = {};

		if (parallel->each(parallel->userdata, i, &error) >= 0)
			continue;
		/* The first to fail tells why; the others fail because it did. */
		(void)pthread_mutex_lock(&run->lock);
		if (!atomic_exchange(parallel->cancelled, true))
			run->error = error;
		(void)pthread_mutex_unlock(&run->lock);
	}
	return NULL;
}

static size_t count_workers(const struct parallel *parallel)
{
	cpu_set_t cpus;
	size_t count = parallel->workers;

	if (count == 0 && sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		count = (size_t)CPU_COUNT(&cpus);
	if (count > WORKERS_MAX)
		count = WORKERS_MAX;
	if (parallel->workers_max != 0 && count > parallel->workers_max)
		count = parallel->workers_max;
	return count < parallel->count ? count : parallel->count;
}

int parallel_run(const struct parallel *parallel, struct lxcri_error *err)
{
	struct run run = { .parallel = parallel, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[WORKERS_MAX];
	size_t wanted = count_workers(parallel);
	size_t started = 0;
	pthread_attr_t attributes;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, THREAD_STACK);
	while (started + 1 < wanted &&
	       pthread_create(&threads[started], &attributes, work, &run) == 0)
		started++;
	(void)pthread_attr_destroy(&attributes);
	(void)work(&run);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	if (!atomic_load(parallel->cancelled))
		return 0;
	*err = run.error;
	return -1;
}

struct process {
	const char *const *digests;
	lxcri_layer_fn each;
	void *userdata;
};

static int process_one(void *userdata, size_t number, struct lxcri_error *err)
{
	const struct process *process = userdata;

	return process->each(process->userdata, process->digests[number], err);
}

int lxcri_layers_process(const char *const *digests, size_t count, unsigned int max_workers,
			 lxcri_layer_fn each, void *userdata, struct lxcri_error *err)
{
	struct process process = { digests, each, userdata };
	atomic_bool cancelled = false;
	const struct parallel parallel = { .count = count,
					   .workers = max_workers,
					   .each = process_one,
					   .userdata = &process,
					   .cancelled = &cancelled };

	return parallel_run(&parallel, err);
}
