/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_LAYER_H
#define LXCRI_LAYER_H

/* Layers of images: what is known of one, the order they stand in, a cache of what was read of
 * them, a pool of what it takes to work on them, and work on several at a time. Importing an image
 * goes through these functions itself. */

#include <lxcri/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_layer;

struct lxcri_annotation {
	const char *key;
	const char *value;
};

/* What is known of a layer. NULL and 0 mean that it is not known, but media type, digest and size
 * are needed to validate it. */
struct lxcri_layer_metadata {
	const char *media_type; /* "application/vnd.oci.image.layer.v1.tar+gzip" */
	const char *digest;     /* "sha256:" and 64 digits */
	uint64_t size;          /* bytes as stored */
	const struct lxcri_annotation *annotations;
	size_t n_annotations;
	const char *created; /* RFC 3339 */
	const char *author;
	const char *comment;
	const char *const *dependencies; /* digests of layers that must lie below */
	size_t n_dependencies;
	unsigned int order;       /* place in the image, the base is 0 */
	const char *storage_path; /* file with the stored bytes */
	bool compressed;
	const char *compression_type; /* "gzip" or "zstd" */
};

/* Makes a layer with copies of all that @metadata has; LXCRI_E_INVALID_DIGEST without a digest,
 * since nothing else names it. Whether the rest makes sense, lxcri_layer_validate() tells. The
 * caller holds one reference of *@ret_layer. */
int lxcri_layer_create(const struct lxcri_layer_metadata *metadata, struct lxcri_layer **ret_layer,
		       struct lxcri_error *err);

/* Lets @layer, for instance one of a pool, say of itself what @metadata has, in place of what it
 * said. Fails as lxcri_layer_create(). */
int lxcri_layer_set(struct lxcri_layer *layer, const struct lxcri_layer_metadata *metadata,
		    struct lxcri_error *err);

/* Takes a further reference and returns @layer. */
struct lxcri_layer *lxcri_layer_ref(struct lxcri_layer *layer);

/* Gives a reference back; with the last the layer is freed. NULL is fine. */
void lxcri_layer_unref(struct lxcri_layer *layer);

/* Returns what is known of @layer, borrowed. That of one fresh from a pool is zeroed. */
const struct lxcri_layer_metadata *lxcri_layer_metadata(const struct lxcri_layer *layer);

/* Checks the form of all that @layer says of itself: LXCRI_E_INVALID_MEDIA_TYPE,
 * LXCRI_E_INVALID_DIGEST, LXCRI_E_INVALID_SIZE (0, or beyond what files can have),
 * LXCRI_E_INVALID_ANNOTATIONS (an empty key, one key twice, control characters),
 * LXCRI_E_VALIDATION_FAILED where members contradict each other. */
int lxcri_layer_validate(const struct lxcri_layer *layer, struct lxcri_error *err);

/* Hashes the stored bytes again. LXCRI_E_INTEGRITY_CHECK_FAILED where size or digest differ,
 * LXCRI_E_STORAGE_ERROR where they can't be read. Both results stay with @layer, with their time.
 */
int lxcri_layer_verify(struct lxcri_layer *layer, struct lxcri_error *err);

/* What lxcri_layer_verify() found last; time_ns is 0 before. */
struct lxcri_layer_verification {
	int64_t time_ns; /* since 1970 */
	bool is_intact;
};

/* Returns it. */
struct lxcri_layer_verification lxcri_layer_verification(const struct lxcri_layer *layer);

struct lxcri_layer_manager;

/* Makes an empty set of layers. The caller owns *@ret_manager. */
int lxcri_layer_manager_create(struct lxcri_layer_manager **ret_manager, struct lxcri_error *err);

/* Frees @manager and its references; NULL is fine. */
void lxcri_layer_manager_free(struct lxcri_layer_manager *manager);

/* Adds @layer, of which @manager takes a reference. LXCRI_E_DEPENDENCY_ERROR where one with this
 * digest is there already; nothing changes then. */
int lxcri_layer_manager_add(struct lxcri_layer_manager *manager, struct lxcri_layer *layer,
			    struct lxcri_error *err);

/* Returns the layer @digest, borrowed, or NULL. */
struct lxcri_layer *lxcri_layer_manager_get(const struct lxcri_layer_manager *manager,
					    const char *digest);

/* Fails with LXCRI_E_DEPENDENCY_ERROR where layers depend on each other in a circle, or on one that
 * is not there. */
int lxcri_layer_manager_check(const struct lxcri_layer_manager *manager, struct lxcri_error *err);

/* Yields the layers, each after all that it depends on; where nothing decides, the smaller `order`
 * comes first, then what was added first. *@ret_layers is an array that the caller frees with
 * free(); the layers in it are borrowed. Fails as lxcri_layer_manager_check(). */
int lxcri_layer_manager_sort(const struct lxcri_layer_manager *manager,
			     struct lxcri_layer ***ret_layers, size_t *ret_count,
			     struct lxcri_error *err);

struct lxcri_metadata_cache;

/* What the store knows of an unpacked layer. */
struct lxcri_layer_record {
	const char *diff_id; /* digest of the content */
	const char *parent;  /* chain id of the layer below; NULL for the base */
	uint64_t content_bytes;
};

/* What happened to a cache since it was made. */
struct lxcri_cache_counters {
	uint64_t hits;
	uint64_t misses;
	uint64_t stored;
	uint64_t evicted;
	uint64_t entries; /* that it holds now */
};

/* Makes a cache of at most @max_entries (at least 1). It may be used by several threads. The caller
 * owns it. */
struct lxcri_metadata_cache *lxcri_metadata_cache_create(size_t max_entries);

/* Frees @cache, of which nothing is held any more; NULL is fine. */
void lxcri_metadata_cache_free(struct lxcri_metadata_cache *cache);

/* Returns the record of @digest, or NULL. It is held, and so not evicted, until it is released. */
const struct lxcri_layer_record *lxcri_metadata_cache_get(struct lxcri_metadata_cache *cache,
							  const char *digest);

/* Gives back what lxcri_metadata_cache_get() returned; NULL is fine. */
void lxcri_metadata_cache_release(struct lxcri_metadata_cache *cache,
				  const struct lxcri_layer_record *record);

/* Stores a copy of @record in place of what is there for @digest. When there is no room, what was
 * used longest ago and is not held goes; when all is held, the cache grows until something is
 * released. */
void lxcri_metadata_cache_put(struct lxcri_metadata_cache *cache, const char *digest,
			      const struct lxcri_layer_record *record);

/* Returns its counters. */
struct lxcri_cache_counters lxcri_metadata_cache_counters(struct lxcri_metadata_cache *cache);

struct lxcri_layer_pool;

/* What happened to a pool since it was made. */
struct lxcri_pool_counters {
	uint64_t made; /* because the pool was empty */
	uint64_t reused;
	uint64_t returned;
	uint64_t dropped;   /* returned to a full pool */
	uint64_t available; /* in it now */
};

/* Makes an empty pool that keeps at most @max_pool_size layers. It may be used by several threads.
 * The caller owns it. */
struct lxcri_layer_pool *lxcri_layer_pool_create(unsigned int max_pool_size);

/* Frees @pool and what is in it; NULL is fine. What is not returned stays its holder's. */
void lxcri_layer_pool_free(struct lxcri_layer_pool *pool);

/* Returns a layer that says nothing of itself, with the buffers and states that working on one
 * takes. A reference of it is the caller's, who returns it here or gives it up. */
struct lxcri_layer *lxcri_layer_pool_get(struct lxcri_layer_pool *pool);

/* Takes @layer back, resets it and keeps it for the next. */
void lxcri_layer_pool_return(struct lxcri_layer_pool *pool, struct lxcri_layer *layer);

/* Returns its counters. */
struct lxcri_pool_counters lxcri_layer_pool_counters(struct lxcri_layer_pool *pool);

/* Works on one layer; called in several threads at a time. */
typedef int (*lxcri_layer_fn)(void *userdata, const char *digest, struct lxcri_error *err);

/* Calls @each once for every one of @digests, for at most @max_workers (0: the number of CPUs) at a
 * time, in their order as far as one comes before another, and returns when all have come to an
 * end. The first failure is the one that is returned, and no other layer is begun after it. */
int lxcri_layers_process(const char *const *digests, size_t count, unsigned int max_workers,
			 lxcri_layer_fn each, void *userdata, struct lxcri_error *err);

/* What a garbage collection did. */
struct lxcri_collected {
	uint64_t layers_removed; /* with a dry run, what would be */
	uint64_t bytes_freed;
	uint64_t errors; /* that kept something from being removed */
};

struct lxcri_image_manager;

/* A layer that a stored image has; texts are valid during the call. */
struct lxcri_layer_info {
	const char
		*chain_id;   /* of the layer with all below it, "sha256:..."; the name of it here */
	const char *diff_id; /* of its content */
	const char *parent;  /* chain id of the layer below; NULL for the base */
	const char *digest;  /* of the bytes as stored */
	const char *media_type;   /* of those */
	const char *storage_path; /* of those */
	uint64_t size;            /* of those */
	uint64_t content_bytes;   /* 0 where it is not unpacked */
	unsigned int images;      /* that have it */
	bool is_unpacked;
};

/* A value < 0 ends the listing. */
typedef int (*lxcri_layer_info_fn)(void *userdata, const struct lxcri_layer_info *info);

/* Lists the layers of the stored images, each once, sorted by chain id. What an image needs for
 * another architecture is left out. */
int lxcri_layer_list(struct lxcri_image_manager *manager, lxcri_layer_info_fn each, void *userdata,
		     struct lxcri_error *err);

/* Finds the layer that @name names: a chain id, diff id or digest, or at least 8 first digits of
 * one, with or without "sha256:". Calls @each with the first that has it; LXCRI_E_LAYER_NOT_FOUND
 * without one. */
int lxcri_layer_find(struct lxcri_image_manager *manager, const char *name,
		     lxcri_layer_info_fn each, void *userdata, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
