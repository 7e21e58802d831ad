/* SPDX-License-Identifier: MIT */
/* Layers with what it takes to work on them, kept for the next. */

#include "image/layer/layer.h"

#include "base/mem.h"

#include <pthread.h>

struct lxcri_layer_pool {
	pthread_mutex_t lock;
	const struct layer_work_kind *kind;
	struct lxcri_layer **layers;
	size_t max;
	struct lxcri_pool_counters counters;
};

struct lxcri_layer_pool *layer_pool_create_for(unsigned int max_pool_size,
					       const struct layer_work_kind *kind)
{
	struct lxcri_layer_pool *pool = xnew(struct lxcri_layer_pool);

	(void)pthread_mutex_init(&pool->lock, NULL);
	pool->kind = kind;
	pool->max = max_pool_size;
	pool->layers = xcalloc(pool->max + 1, sizeof(struct lxcri_layer *));
	return pool;
}

struct lxcri_layer_pool *lxcri_layer_pool_create(unsigned int max_pool_size)
{
	return layer_pool_create_for(max_pool_size, &layer_buffer_kind);
}

void lxcri_layer_pool_free(struct lxcri_layer_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->counters.available; i++)
		lxcri_layer_unref(pool->layers[i]);
	free(pool->layers);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct lxcri_layer *lxcri_layer_pool_get(struct lxcri_layer_pool *pool)
{
	struct lxcri_layer *layer = NULL;

	(void)pthread_mutex_lock(&pool->lock);
	if (pool->counters.available > 0) {
		layer = pool->layers[--pool->counters.available];
		pool->counters.reused++;
	} else {
		pool->counters.made++;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return layer ? layer : layer_create_blank(pool->kind);
}

void lxcri_layer_pool_return(struct lxcri_layer_pool *pool, struct lxcri_layer *layer)
{
	struct lxcri_layer *rest = layer;

	layer_reset(layer);
	(void)pthread_mutex_lock(&pool->lock);
	pool->counters.returned++;
	if (pool->counters.available < pool->max) {
		pool->layers[pool->counters.available++] = layer;
		rest = NULL;
	} else {
		pool->counters.dropped++;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	lxcri_layer_unref(rest);
}

struct lxcri_pool_counters lxcri_layer_pool_counters(struct lxcri_layer_pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);

	struct lxcri_pool_counters counters = pool->counters;

	(void)pthread_mutex_unlock(&pool->lock);
	return counters;
}
