/* SPDX-License-Identifier: MIT */
#pragma once

/* A layer as lxcri/layer.h offers it, and what the worker keeps with it. */

#include "base/scope.h"
#include "lxcri/layer.h"

/* How to make, reset and free what working on a layer takes. */
struct layer_work_kind {
	void *(*create)(void);
	void (*reset)(void *work);
	void (*free)(void *work);
};

/* What the library itself needs, a buffer: the worker, which has more to do, brings its own. */
extern const struct layer_work_kind layer_buffer_kind;

/* Makes a layer that says nothing of itself, with work of @kind (static, or NULL for none). */
[[nodiscard]] struct lxcri_layer *layer_create_blank(const struct layer_work_kind *kind);

/* Returns the work of @layer, borrowed; NULL for none. */
void *layer_work(const struct lxcri_layer *layer);

/* Lets @layer forget what it says of itself, and resets its work. */
void layer_reset(struct lxcri_layer *layer);

/* As lxcri_layer_pool_create(), with work of @kind. */
[[nodiscard]] struct lxcri_layer_pool *layer_pool_create_for(unsigned int max_pool_size,
							     const struct layer_work_kind *kind);

static inline void lxcri_layer_freep_unref(struct lxcri_layer **layer)
{
	lxcri_layer_unref(*layer);
}
#define autolayer autorun(lxcri_layer_freep_unref) struct lxcri_layer *
DEFINE_AUTOPTR(lxcri_layer_manager)
DEFINE_AUTOPTR(lxcri_layer_pool)
DEFINE_AUTOPTR(lxcri_metadata_cache)
