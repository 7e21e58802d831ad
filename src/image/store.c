/* SPDX-License-Identifier: MIT */
/* The images of one data directory, for the command: reading happens here, with nothing heavier
 * than a few small files; whatever parses an archive is left to the worker. */

#include "image/store.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/image_index.h"
#include "image/listing.h"
#include "image/stored_image.h"
#include "image/worker.h"
#include "oci/reference.h"

#include <stdlib.h>
#include <string.h>

struct image_store {
	char *data_dir;
	char *run_dir; /* or NULL */
};

int image_store_open(const char *data_dir, struct image_store **ret_store, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;

	if (layout_open(data_dir, &layout, err) < 0)
		return -1;

	struct image_store *store = xnew(struct image_store);

	store->data_dir = steal(layout.data_dir);
	*ret_store = store;
	return 0;
}

void image_store_free(struct image_store *store)
{
	if (!store)
		return;
	free(store->data_dir);
	free(store->run_dir);
	free(store);
}

void image_store_remember(struct image_store *store, const char *run_dir)
{
	free(store->run_dir);
	store->run_dir = xstrdup(run_dir);
}

const char *image_store_data_dir(const struct image_store *store)
{
	return store->data_dir;
}

void image_finish(struct image *image)
{
	free(image->name);
	free(image->digest);
	free(image->config_json);
	strings_finish(&image->layer_dirs);
	*image = (struct image){};
}

bool image_is_source(const char *source)
{
	static const char *const prefixes[] = { "oci:", "oci-archive:", "docker-archive:",
						"docker://" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (text_starts_with(source, prefixes[i]))
			return true;
	return false;
}

char *image_stored_name(const char *name, struct lxcri_error *err)
{
	autorun(image_ref_finish) struct image_ref ref = {};
	struct lxcri_error ignored;
	struct digest digest;

	if (text_starts_with(name, "sha256:") && digest_parse(name, &digest, &ignored) >= 0)
		return xstrdup(name);
	if (image_ref_parse(name, &ref, err) < 0)
		return NULL;
	return image_ref_format(&ref);
}

static bool has_all_layers(const struct layout *layout, const struct strings *chain_ids)
{
	for (size_t i = 0; i < chain_ids->count; i++)
		if (!layout_has_layer(layout, chain_ids->items[i]))
			return false;
	return true;
}

int image_store_get(struct image_store *store, const char *name, struct image *ret_image,
		    struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(stored_image_finish) struct stored_image stored = {};
	autofree char *ignored = NULL;

	if (layout_open(store->data_dir, &layout, err) < 0 ||
	    stored_image_find(&layout, name, &stored, err) < 0)
		return -1;
	if (!has_all_layers(&layout, &stored.chain_ids)) {
		const char *const args[] = { WORKER_UNPACK, store->data_dir, stored.image.digest,
					     NULL };

		if (worker_run(args, NULL, &ignored, err) < 0)
			return fail_while(err, "image %s", stored.image.name);
	}
	for (size_t i = stored.chain_ids.count; i-- > 0;)
		strings_addf(&stored.image.layer_dirs, "%s/layers/%s/%s", store->data_dir,
			     stored.chain_ids.items[i], LAYOUT_TREE);
	*ret_image = stored.image;
	stored.image = (struct image){};
	return 0;
}

int image_store_import(struct image_store *store, const char *source, const char *name,
		       char **ret_name, char **ret_digest, struct lxcri_error *err)
{
	const char *const args[] = { WORKER_IMPORT, store->data_dir, source, name, NULL };

	return worker_run(args, ret_name, ret_digest, err);
}

/* An entry of the index with its name, which is looked up once and not for every comparison. */
struct listed {
	const char *name;
	struct json_object *entry;
};

static int compare_names(const void *a, const void *b)
{
	const struct listed *left = a;
	const struct listed *right = b;

	return strcmp(left->name ? left->name : "", right->name ? right->name : "");
}

/* Lists one entry of the index, for which no other file is read where it has a summary. Returns 1
 * when nothing more is wanted. */
static int list_entry(const struct layout *layout, const struct listed *listed,
		      int (*each)(void *userdata, const struct image *image), void *userdata,
		      struct lxcri_error *err)
{
	autorun(stored_image_finish) struct stored_image stored = {};
	struct json_object *entry = listed->entry;
	const char *digest = json_get_text(entry, "digest");
	const char *name = listed->name;
	struct image_summary summary;

	if (digest && image_index_summary(entry, &summary)) {
		const struct image image = {
			.name = (char *)(name ? name : digest),
			.digest = (char *)digest,
			.size_bytes = summary.size_bytes,
			.layers = summary.layers,
			.created_ns = summary.created_ns,
		};

		return each(userdata, &image) < 0;
	}
	if (stored_image_read(layout, entry, &stored, err) < 0)
		return fail_while(err, "image %s",
				  name     ? name
				  : digest ? digest
					   : "without digest");
	free(steal(stored.image.config_json));
	return each(userdata, &stored.image) < 0;
}

struct walk {
	int (*each)(void *userdata, const struct image *image);
	void *userdata;
	struct listing *listing;
	bool is_over; /* nothing more is wanted */
};

static int show(void *userdata, const struct image *image)
{
	struct walk *walk = userdata;

	listing_add(walk->listing, image);
	if (!walk->is_over && walk->each(walk->userdata, image) < 0)
		walk->is_over = true;
	return 0;
}

static int list_index(const struct layout *layout, struct walk *walk, struct lxcri_error *err)
{
	autofree struct listed *entries = NULL;
	autojson index = NULL;
	struct json_object *list;
	size_t count;

	if (layout_read_index(layout, &index, err) < 0)
		return -1;
	list = json_get(index, "manifests");
	count = json_object_array_length(list);
	entries = xcalloc(count + 1, sizeof(struct listed));
	for (size_t i = 0; i < count; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		entries[i] = (struct listed){ image_index_name(entry), entry };
	}
	qsort(entries, count, sizeof(entries[0]), compare_names);
	for (size_t i = 0; i < count; i++)
		if (list_entry(layout, &entries[i], show, walk, err) < 0)
			return -1;
	return 0;
}

int image_store_list(struct image_store *store,
		     int (*each)(void *userdata, const struct image *image), void *userdata,
		     struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autoptr(listing) listing = NULL;
	struct walk walk = { .each = each, .userdata = userdata };

	if (layout_open(store->data_dir, &layout, err) < 0)
		return -1;
	if (store->run_dir && listing_recall(&layout, store->run_dir, each, userdata) == 1)
		return 0;
	listing = store->run_dir ? listing_begin(&layout) : NULL;
	walk.listing = listing;
	if (list_index(&layout, &walk, err) < 0)
		return -1;
	if (store->run_dir)
		listing_save(listing, &layout, store->run_dir);
	return 0;
}
