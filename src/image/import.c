/* SPDX-License-Identifier: MIT */
/* Bringing one image into the store.
 *
 * How it works: the layers stream in, several at once, each under a temporary name; the first
 * failure stops the others. Then one flush of the file system for all of it, then the final names,
 * and at last the record in index.json. Whatever ends the process before that leaves names that
 * begin with ".tmp-", or blobs and layers that are whole and that nobody names yet.
 *
 * An image that is still being fetched takes its time, so nobody shall wait for it: its layers are
 * unpacked in a place of their own, in the order in which their bytes come, and flushed; only then
 * the store is locked, and what others changed meanwhile is looked at. */

#include "image/import.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "image/collect/access.h"
#include "image/image_index.h"
#include "image/import_layer.h"
#include "image/layer/layer.h"
#include "image/layer/layer_record.h"
#include "image/layer/parallel.h"
#include "image/source/made_manifest.h"
#include "image/layer/staging.h"
#include "oci/media_type.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* Each has threads of its own, and may need a window of 8 MiB: with the names of directories that
 * is what the worker's memory is made of. */
#define WORKERS_MAX 4u
/* Enough for the layers of the largest images. */
#define CACHE_ENTRIES 512
/* What is left free for everybody else. */
#define FREE_BYTES_MIN ((uint64_t)16 << 20)

struct document {
	char *temporary;
	char hex[SHA256_HEX_SIZE];
};

struct import {
	const struct layout *layout;
	struct source_image *image;
	struct strings chain_ids;
	struct import_layer *layers;
	size_t n_layers;
	struct document config;
	struct document manifest;
	struct budget budget;
	struct flusher *flusher;
	const struct import_fetch *fetch;
	struct staging staging;
	char *place;        /* of import_layer */
	const char **hexes; /* of the blobs, borrowed */
	bool *is_taken;     /* by a thread */
	pthread_mutex_t lock;
	struct lxcri_error failure;
	struct lxcri_layer_manager *order;
	struct lxcri_layer_pool *pool;
	struct lxcri_metadata_cache *cache;
};

static void import_finish(struct import *import)
{
	struct document *documents[] = { &import->config, &import->manifest };

	for (size_t i = 0; i < import->n_layers; i++)
		import_layer_finish(&import->layers[i], import->layout);
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		if (documents[i]->temporary)
			(void)unlinkat(import->layout->blobs_fd, documents[i]->temporary, 0);
		free(documents[i]->temporary);
	}
	free(import->layers);
	staging_finish(&import->staging);
	free(import->place);
	free(import->hexes);
	free(import->is_taken);
	strings_finish(&import->chain_ids);
	lxcri_layer_manager_free(import->order);
	lxcri_layer_pool_free(import->pool);
	lxcri_metadata_cache_free(import->cache);
}

static void *create_work(void)
{
	return work_create();
}

static void reset_work(void *work)
{
	work_reset(work);
}

static void free_work(void *work)
{
	work_free(work);
}

static const struct layer_work_kind work_kind = { create_work, reset_work, free_work };

/* Adds layer @i, by the name that it has together with all below it: an image may well have one
 * layer twice. */
static int add_layer(struct import *import, size_t i, struct lxcri_error *err)
{
	autofree char *id = xformat("sha256:%s", import->chain_ids.items[i]);
	autofree char *below = i > 0 ? xformat("sha256:%s", import->chain_ids.items[i - 1]) : NULL;
	const char *const dependencies[] = { below };
	const struct lxcri_layer_metadata metadata = {
		.media_type = MEDIA_TYPE_OCI_LAYER,
		.digest = id,
		.size = import->image->layers[i].blob.size,
		.dependencies = dependencies,
		.n_dependencies = below ? 1 : 0,
		.order = (unsigned int)i,
	};
	autolayer layer = NULL;

	if (lxcri_layer_create(&metadata, &layer, err) < 0 || lxcri_layer_validate(layer, err) < 0)
		return -1;
	return lxcri_layer_manager_add(import->order, layer, err);
}

static int order_layers(struct import *import, struct lxcri_error *err)
{
	if (lxcri_layer_manager_create(&import->order, err) < 0)
		return -1;
	for (size_t i = 0; i < import->n_layers; i++)
		if (add_layer(import, i, err) < 0)
			return fail_while(err, "layer %zu", i + 1);
	return lxcri_layer_manager_check(import->order, err);
}

static void prepare(struct import *import)
{
	const struct image_config *config = import->image->parsed_config;
	struct strings diff_ids = {};

	for (size_t i = 0; i < config->n_diff_ids; i++)
		strings_add(&diff_ids, config->diff_ids[i].text);
	layout_chain_ids(&diff_ids, &import->chain_ids);
	strings_finish(&diff_ids);
	import->n_layers = import->image->n_layers;
	import->layers = xcalloc(import->n_layers, sizeof(import->layers[0]));
	import->hexes = xcalloc(import->n_layers, sizeof(import->hexes[0]));
	import->is_taken = xcalloc(import->n_layers, sizeof(bool));
	import->place = import->staging.name ? xformat("%s/", import->staging.name)
					     : xstrdup(LAYOUT_TEMPORARY);
	for (size_t i = 0; i < import->n_layers; i++) {
		struct source_layer *source = &import->image->layers[i];
		struct import_layer *layer = &import->layers[i];
		const struct lxcri_layer_record *record;

		*layer = IMPORT_LAYER_NULL;
		import->hexes[i] = source->blob.hex;
		layer->source = source;
		layer->place = import->place;
		layer->number = (unsigned int)i;
		layer->diff_id = config->diff_ids[i].text;
		layer->chain_id = import->chain_ids.items[i];
		record = layer_record_get(import->layout, layer->chain_id, import->cache);
		layer->has_tree = record;
		lxcri_metadata_cache_release(import->cache, record);
		layer->has_blob =
			source->digest &&
			layout_has_blob(import->layout, source->digest + strlen("sha256:"),
					source->blob.size);
	}
}

/* The copies alone must fit; how far the layers unpack shows only as they do. */
static int check_space(const struct import *import, struct lxcri_error *err)
{
	struct statvfs status;
	uint64_t needed = FREE_BYTES_MIN;

	for (size_t i = 0; i < import->n_layers; i++)
		if (!import->layers[i].has_blob && !import->layers[i].source->is_download)
			needed += import->layers[i].source->blob.size;
	if (fstatvfs(import->layout->blobs_fd, &status) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "ask for free space in %s", import->layout->data_dir);
	if ((uint64_t)status.f_bavail * status.f_frsize < needed)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, ENOSPC,
				       "the image needs %llu bytes in %s",
				       (unsigned long long)needed, import->layout->data_dir);
	return 0;
}

static int run_layer(void *userdata, size_t number, struct lxcri_error *err)
{
	struct import *import = userdata;
	struct lxcri_layer *lent = lxcri_layer_pool_get(import->pool);
	const struct import_means means = { &import->budget, import->flusher };
	int r = import_layer_run(&import->layers[number], import->layout, layer_work(lent), &means,
				 err);

	lxcri_layer_pool_return(import->pool, lent);
	if (r < 0)
		return fail_while(err, "layer %zu (%s)", number + 1,
				  import->layers[number].diff_id);
	return 0;
}

/* Makes *@err the first failure of all: the others fail because of it. */
static void keep_first(struct import *import, struct lxcri_error *err)
{
	(void)pthread_mutex_lock(&import->lock);
	if (import->failure.code)
		*err = import->failure;
	else
		import->failure = *err;
	(void)pthread_mutex_unlock(&import->lock);
}

/* Works on whichever layer has begun to come. */
static int run_growing(void *userdata, size_t unused, struct lxcri_error *err)
{
	struct import *import = userdata;
	struct growth *growth = import->fetch->growth;
	ssize_t number = growth_choose(growth, import->hexes, import->is_taken, import->n_layers);
	int r = number < 0 ? fail(err, LXCRI_E_DOWNLOAD_FAILED, "the download ended early")
			   : run_layer(import, (size_t)number, err);

	if (r == 0) {
		growth_judge(growth, import->hexes[number], GROWTH_RIGHT);
		return 0;
	}
	keep_first(import, err);
	/* Those who wait for bytes look at nothing else. */
	growth_cancel(growth);
	return -1;
}

static int run_all(struct import *import, unsigned int workers, struct lxcri_error *err)
{
	const struct parallel parallel = { .count = import->n_layers,
					   /* Waiting for bytes needs no processor. */
					   .workers = import->fetch && workers == 0 ? WORKERS_MAX
										    : workers,
					   .workers_max = WORKERS_MAX,
					   .each = import->fetch ? run_growing : run_layer,
					   .userdata = import,
					   .cancelled = &import->budget.cancelled };

	autoptr(flusher) flusher = flusher_create(import->layout->layers_fd);
	int r;

	import->flusher = flusher;
	r = parallel_run(&parallel, err);
	import->flusher = NULL;
	return r;
}

/* Opens a layer that was there before, and checks that it is the one. Returns 0, or 1 where others
 * have removed it while the image was fetched. */
static int open_stored(struct import *import, struct import_layer *layer, const char *parent,
		       struct lxcri_error *err)
{
	if (import_layer_open(layer, import->layout, err) == 0 &&
	    import_layer_check(layer, parent, import->layout, import->cache, err) == 0)
		return 0;
	if (import->fetch && !layout_has_layer(import->layout, layer->chain_id))
		return 1;
	return fail_while(err, "layer %u (%s)", layer->number + 1, layer->diff_id);
}

/* From the base upwards: each layer may take attributes of directories from those below. Returns as
 * open_stored() does. */
static int settle_layers(struct import *import, struct lxcri_error *err)
{
	autofree int *lowers = xcalloc(import->n_layers, sizeof(int));

	for (size_t i = 0; i < import->n_layers; i++) {
		struct import_layer *layer = &import->layers[i];
		const char *parent = i > 0 ? import->layers[i - 1].chain_id : NULL;
		int r = layer->has_tree ? open_stored(import, layer, parent, err) : 0;

		if (r != 0)
			return r;
		if (layer->tree &&
		    (tree_settle(layer->tree, lowers + import->n_layers - i, i, err) < 0 ||
		     import_layer_record(layer, parent, import->layout, import->cache, err) < 0))
			return fail_while(err, "layer %zu (%s)", i + 1, layer->diff_id);
		lowers[import->n_layers - 1 - i] = layer->tree_fd;
	}
	return 0;
}

static void make_manifest(struct import *import)
{
	autofree struct stream_digests *digests =
		xcalloc(import->n_layers, sizeof(struct stream_digests));

	for (size_t i = 0; i < import->n_layers; i++)
		digests[i] = import->layers[i].digests;
	made_manifest(import->image, digests);
}

static int store_document(const struct layout *layout, const char *what, const char *bytes,
			  size_t size, struct document *document, struct lxcri_error *err)
{
	if (layout_has_blob(layout, document->hex, size))
		return 0;
	document->temporary = xformat("%s%s", LAYOUT_TEMPORARY, what);

	autoclose int fd = openat(layout->blobs_fd, document->temporary,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : file_write_all(fd, bytes, size);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "store the %s", what);
	return 0;
}

static int store_documents(struct import *import, struct lxcri_error *err)
{
	struct source_image *image = import->image;

	sha256_hex(image->config, image->config_size, import->config.hex);
	if (!image->manifest)
		make_manifest(import);
	sha256_hex(image->manifest, image->manifest_size, import->manifest.hex);
	if (store_document(import->layout, "config", image->config, image->config_size,
			   &import->config, err) < 0)
		return -1;
	return store_document(import->layout, "manifest", image->manifest, image->manifest_size,
			      &import->manifest, err);
}

/* Gives @temporary, of which there may be none, its final name. It is freed once it is used up. */
static int give_name(int dirfd, char **temporary, const char *name)
{
	if (!*temporary)
		return 0;
	if (renameat(dirfd, *temporary, dirfd, name) < 0)
		return -errno;
	free(steal(*temporary));
	return 0;
}

static int give_names(struct import *import)
{
	const struct layout *layout = import->layout;
	int r = 0;

	for (size_t i = 0; i < import->n_layers && r == 0; i++) {
		struct import_layer *layer = &import->layers[i];

		r = give_name(layout->blobs_fd, &layer->blob_name, layer->digests.blob);
		if (r == 0)
			r = give_name(layout->layers_fd, &layer->tree_name, layer->chain_id);
	}
	if (r == 0)
		r = give_name(layout->blobs_fd, &import->config.temporary, import->config.hex);
	if (r == 0)
		r = give_name(layout->blobs_fd, &import->manifest.temporary, import->manifest.hex);
	return r;
}

static int flush(const struct layout *layout, struct lxcri_error *err)
{
	if (syncfs(layout->blobs_fd) < 0 || syncfs(layout->layers_fd) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "flush the image to %s",
				       layout->data_dir);
	return 0;
}

/* Compares what is in the store now with what was when the layer was begun. What somebody else has
 * brought meanwhile is taken instead of ours. Returns 0, or 1 where something is gone. */
static int revise_layer(struct import_layer *layer, const struct layout *layout,
			struct lxcri_error *err)
{
	const char *hex = layer->source->blob.hex;
	bool has_tree = layout_has_layer(layout, layer->chain_id);
	bool has_blob = layout_has_blob(layout, hex, layer->source->blob.size);
	int r;

	if ((layer->has_tree && !has_tree) || (layer->has_blob && !has_blob))
		return 1;
	if (layer->tree_name && has_tree) {
		(void)path_remove_tree(layout->layers_fd, layer->tree_name);
		free(steal(layer->tree_name));
	}
	if (has_blob)
		return 0;
	r = import_layer_link(layer, layout, err);
	return r < 0 ? -1 : r == 0;
}

/* Takes the lock of the store for an image that was unpacked without it. Returns as revise_layer()
 * does. */
static int enter_store(struct import *import, struct lxcri_error *err)
{
	int r = 0;

	if (!import->fetch)
		return 0;
	if (flush(import->layout, err) < 0 ||
	    layout_take_lock(import->layout, import->fetch->lock_fd, err) < 0)
		return -1;
	for (size_t i = 0; i < import->n_layers && r == 0; i++)
		r = revise_layer(&import->layers[i], import->layout, err);
	return r;
}

/* One flush for all files, then the names, then the directories that hold them. */
static int make_durable(struct import *import, struct lxcri_error *err)
{
	const struct layout *layout = import->layout;
	int r;

	if (flush(layout, err) < 0)
		return -1;
	r = give_names(import);
	if (r == 0 && (fsync(layout->blobs_fd) < 0 || fsync(layout->layers_fd) < 0))
		r = -errno;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "store the image in %s",
				       layout->data_dir);
	return 0;
}

static int record(struct import *import, const char *name, struct lxcri_error *err)
{
	autojson index = NULL;
	autofree char *digest = xformat("sha256:%s", import->manifest.hex);
	struct image_index_entry entry;
	struct image_summary summary;

	source_image_describe(import->image, digest, &entry, &summary);
	entry.name = name;
	if (layout_read_index(import->layout, &index, err) < 0)
		return -1;
	image_index_set(index, &entry);
	return layout_write_index(import->layout, index, err);
}

int import_image(const struct layout *layout, struct source_image *image,
		 const struct import_options *options, struct import_result *ret_result,
		 struct lxcri_error *err)
{
	autorun(import_finish) struct import import = { .layout = layout,
							.image = image,
							.lock = PTHREAD_MUTEX_INITIALIZER,
							.staging = STAGING_NULL };
	int r;

	if (options->fetch.growth)
		import.fetch = &options->fetch;
	import.pool = layer_pool_create_for(WORKERS_MAX, &work_kind);
	import.cache = lxcri_metadata_cache_create(CACHE_ENTRIES);
	if (import.fetch &&
	    staging_open(layout->layers_fd, import.fetch->hex, &import.staging, err) < 0)
		return -1;
	prepare(&import);
	if (order_layers(&import, err) < 0 || check_space(&import, err) < 0 ||
	    run_all(&import, options->workers, err) < 0)
		return -1;
	r = settle_layers(&import, err);
	if (r == 0)
		r = enter_store(&import, err);
	if (r != 0)
		return r;
	if (store_documents(&import, err) < 0 || make_durable(&import, err) < 0)
		return -1;
	access_note_blob(layout->blobs_fd, import.manifest.hex);
	if (options->index == IMPORT_RECORD && record(&import, options->name, err) < 0)
		return -1;
	*ret_result = (struct import_result){
		.digest = xformat("sha256:%s", import.manifest.hex),
		.pool = lxcri_layer_pool_counters(import.pool),
		.cache = lxcri_metadata_cache_counters(import.cache),
	};
	return 0;
}
