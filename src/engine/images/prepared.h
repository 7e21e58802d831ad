/* SPDX-License-Identifier: MIT */
#pragma once

/* What is kept ready, all of it: for lists, and to make room. */

#include "engine/engine.h"
#include "image/prepared/entry.h"
#include "image/removal.h"
#include "image/store.h"
#include "lxcri/system.h"

/* One that is whole. */
struct prepared_item {
	char *key;
	int64_t used_ns;
	size_t holds;
	bool is_busy;               /* somebody is at it, so that nothing more can be told */
	struct json_object *record; /* NULL where it cannot be read */
};

struct prepared_list {
	struct prepared_item *items; /* what was used longest ago first */
	size_t count;
};

/* Lists what is kept ready below @data_dir. What killed makers left is removed. The caller ends
 * *@ret. LXCRI_E_CACHE_ERROR. */
[[nodiscard]] int prepared_read(const char *data_dir, struct prepared_list *ret,
				struct lxcri_error *err);

/* Frees what @list holds. Safe to repeat. */
void prepared_list_finish(struct prepared_list *list);

/* What is removed by a collection. */
struct prepared_collection {
	int64_t grace_ns; /* what was used since stays */
	bool dry_run;
	void (*removing)(void *userdata, const char *key, uint64_t bytes);
	void (*failed)(void *userdata, const struct lxcri_error *why);
	void *userdata;
};

/* Removes what nobody holds, what was used longest ago first. What can't be removed is told, and
 * keeps nothing else. */
[[nodiscard]] int prepared_collect(struct lxcri_engine *engine, struct image_store *store,
				   const struct prepared_collection *collection,
				   struct lxcri_error *err);

/* Removes what was used longest ago and nobody holds until there are at most @max entries. */
[[nodiscard]] int prepared_evict(struct lxcri_engine *engine, struct image_store *store,
				 uint64_t max, struct lxcri_error *err);

/* Adds the images to @usage that entries below @data_dir keep. */
[[nodiscard]] int prepared_add_usage(const char *data_dir, struct image_usage *usage,
				     struct lxcri_error *err);

/* Reports what each entry below @data_dir takes on the disk, among the images.
 * LXCRI_E_CACHE_ERROR. */
[[nodiscard]] int prepared_report(const char *data_dir, lxcri_usage_fn report, void *userdata,
				  struct lxcri_error *err);

/* Returns the bytes that the entry @key takes on the disk. */
uint64_t prepared_size(const char *data_dir, const char *key);
