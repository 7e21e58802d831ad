/* SPDX-License-Identifier: MIT */
/* The layers that stored images have. */

#include "image/layer/stored_layer.h"

#include "base/json.h"
#include "base/mem.h"
#include "image/layer/layer_record.h"
#include "image/layout.h"
#include "oci/image_config.h"
#include "oci/manifest.h"

#include <stdlib.h>
#include <string.h>

struct stored_layer {
	char *chain_id;
	char *diff_id;
	char *parent;
	char *digest;
	char *media_type;
	char *storage_path;
	uint64_t size;
	uint64_t content_bytes;
	bool is_unpacked;
};

struct listing {
	struct layout layout;
	struct lxcri_metadata_cache *cache;
	struct stored_layer *items;
	size_t count;
	size_t room;
};

static void finish(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		struct stored_layer *layer = &listing->items[i];

		free(layer->chain_id);
		free(layer->diff_id);
		free(layer->parent);
		free(layer->digest);
		free(layer->media_type);
		free(layer->storage_path);
	}
	free(listing->items);
	lxcri_metadata_cache_free(listing->cache);
	layout_finish(&listing->layout);
}

static void add(struct listing *listing, const struct descriptor *blob, const char *diff_id,
		const struct strings *chain_ids, size_t number)
{
	const char *chain_id = chain_ids->items[number];
	const struct lxcri_layer_record *record =
		layer_record_get(&listing->layout, chain_id, listing->cache);

	if (listing->count == listing->room) {
		listing->room = listing->room ? 2 * listing->room : 64;
		listing->items =
			xreallocarray(listing->items, listing->room, sizeof(listing->items[0]));
	}
	listing->items[listing->count++] = (struct stored_layer){
		.chain_id = xformat("sha256:%s", chain_id),
		.diff_id = xstrdup(diff_id),
		.parent = number > 0 ? xformat("sha256:%s", chain_ids->items[number - 1]) : NULL,
		.digest = xstrdup(blob->digest.text),
		.media_type = xstrdup(blob->media_type),
		.storage_path = xformat("%s/images/" LAYOUT_BLOBS "/%s", listing->layout.data_dir,
					blob->digest.hex),
		.size = blob->size,
		.content_bytes = record ? record->content_bytes : 0,
		.is_unpacked = record,
	};
	lxcri_metadata_cache_release(listing->cache, record);
}

static int add_image(struct listing *listing, const struct descriptor *descriptor,
		     struct lxcri_error *err)
{
	autoptr(manifest) manifest = NULL;
	autoptr(image_config) config = NULL;
	autofree char *bytes = NULL;
	autofree char *config_bytes = NULL;
	struct strings diff_ids = {};
	struct strings chain_ids = {};
	size_t size;

	if (layout_read_document(&listing->layout, descriptor->digest.text, &bytes, &size, err) <
		    0 ||
	    manifest_parse(bytes, size, descriptor->media_type, &manifest, err) < 0)
		return -1;
	/* What another tool stored here may be no image. */
	if (manifest->config.type.kind != MEDIA_CONFIG)
		return 0;
	if (layout_read_document(&listing->layout, manifest->config.digest.text, &config_bytes,
				 &size, err) < 0 ||
	    image_config_parse(config_bytes, size, &config, err) < 0)
		return -1;
	for (size_t i = 0; i < config->n_diff_ids; i++)
		strings_add(&diff_ids, config->diff_ids[i].text);
	layout_chain_ids(&diff_ids, &chain_ids);
	for (size_t i = 0; i < config->n_diff_ids && i < manifest->n_layers; i++)
		add(listing, &manifest->layers[i], diff_ids.items[i], &chain_ids, i);
	strings_finish(&diff_ids);
	strings_finish(&chain_ids);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct stored_layer *)a)->chain_id,
		      ((const struct stored_layer *)b)->chain_id);
}

static int load(struct listing *listing, struct lxcri_error *err)
{
	autojson index = NULL;
	struct json_object *list;

	if (layout_read_index(&listing->layout, &index, err) < 0)
		return -1;
	list = json_get(index, "manifests");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct descriptor descriptor;

		if (descriptor_read(json_object_array_get_idx(list, i), "manifests[]", &descriptor,
				    err) < 0)
			return -1;
		if (descriptor.type.kind == MEDIA_MANIFEST &&
		    add_image(listing, &descriptor, err) < 0)
			return fail_while(err, "image %s", descriptor.digest.text);
	}
	if (listing->count > 1)
		qsort(listing->items, listing->count, sizeof(listing->items[0]), compare);
	return 0;
}

int stored_layers_list(const char *data_dir, size_t cache_entries, lxcri_layer_info_fn each,
		       void *userdata, struct lxcri_error *err)
{
	autorun(finish) struct listing listing = { .layout = LAYOUT_NULL };

	listing.cache = lxcri_metadata_cache_create(cache_entries);
	if (layout_open(data_dir, &listing.layout, err) < 0 || load(&listing, err) < 0)
		return -1;
	for (size_t i = 0, next; i < listing.count; i = next) {
		const struct stored_layer *layer = &listing.items[i];

		for (next = i + 1;
		     next < listing.count && compare(layer, &listing.items[next]) == 0; next++)
			;

		const struct lxcri_layer_info info = {
			.chain_id = layer->chain_id,
			.diff_id = layer->diff_id,
			.parent = layer->parent,
			.digest = layer->digest,
			.media_type = layer->media_type,
			.storage_path = layer->storage_path,
			.size = layer->size,
			.content_bytes = layer->content_bytes,
			.images = (unsigned int)(next - i),
			.is_unpacked = layer->is_unpacked,
		};

		if (each(userdata, &info) < 0)
			break;
	}
	return 0;
}
