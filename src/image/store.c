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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct image_store {
	char *data_dir;
	char *run_dir;             /* or NULL */
	struct strings registries; /* of short names, but docker.io at the end */
	char workers[16]; /* that unpack layers at a time, as the worker takes the number */
};

int image_store_open(const char *data_dir, struct image_store **ret_store, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;

	if (layout_open(data_dir, &layout, err) < 0)
		return -1;

	struct image_store *store = xnew(struct image_store);

	store->data_dir = steal(layout.data_dir);
	image_store_set_workers(store, 0);
	*ret_store = store;
	return 0;
}

void image_store_set_workers(struct image_store *store, unsigned int workers)
{
	(void)snprintf(store->workers, sizeof(store->workers), "%u", workers);
}

const char *image_store_workers(const struct image_store *store)
{
	return store->workers;
}

void image_store_free(struct image_store *store)
{
	if (!store)
		return;
	free(store->data_dir);
	free(store->run_dir);
	strings_finish(&store->registries);
	free(store);
}

void image_store_remember(struct image_store *store, const char *run_dir)
{
	free(store->run_dir);
	store->run_dir = xstrdup(run_dir);
}

void image_store_search(struct image_store *store, struct json_object *registries)
{
	size_t count = json_object_is_type(registries, json_type_array)
			       ? json_object_array_length(registries)
			       : 0;

	strings_finish(&store->registries);
	for (size_t i = 0; i < count; i++)
		strings_add(&store->registries,
			    json_object_get_string(json_object_array_get_idx(registries, i)));
}

struct strings image_store_names(const struct image_store *store, const char *name,
				 struct lxcri_error *err)
{
	autofree char *plain = image_stored_name(name, err);
	struct strings names = {};

	if (!plain)
		return names;
	for (size_t i = 0; i < store->registries.count && image_ref_is_short(name) &&
			   !text_starts_with(plain, "sha256:");
	     i++) {
		autofree char *whole = xformat("%s/%s", store->registries.items[i], name);
		struct lxcri_error ignored;
		char *normal = image_stored_name(whole, &ignored);

		if (normal)
			strings_add_consume(&names, normal);
	}
	if (names.count == 0)
		strings_add(&names, plain);
	return names;
}

char *image_store_name(const struct image_store *store, struct json_object *index, const char *name,
		       struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = image_store_names(store, name, err);

	for (size_t i = 0; i < names.count; i++)
		if (image_index_find(index, names.items[i]))
			return xstrdup(names.items[i]);
	return names.count > 0 ? image_stored_name(name, err) : NULL;
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
						"tarball:", IMAGE_DOCKER_PREFIX };

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
	autorun(worker_answer_finish) struct worker_answer ignored = {};

	if (layout_open(store->data_dir, &layout, err) < 0 ||
	    stored_image_find(store, &layout, name, &stored, err) < 0)
		return -1;
	if (!has_all_layers(&layout, &stored.chain_ids)) {
		const char *const args[] = { WORKER_UNPACK, store->data_dir, stored.image.digest,
					     NULL };
		const struct worker_call call = { .program = "lxcri-worker",
						  .workers = store->workers,
						  .args = args,
						  .object = args[2] };

		if (worker_run(&call, -1, &ignored, err) < 0)
			return fail_while(err, "image %s", stored.image.name);
	}
	for (size_t i = stored.chain_ids.count; i-- > 0;)
		strings_addf(&stored.image.layer_dirs, "%s/layers/%s/%s", store->data_dir,
			     stored.chain_ids.items[i], LAYOUT_TREE);
	*ret_image = stored.image;
	stored.image = (struct image){};
	return 0;
}

bool image_store_has(const struct image_store *store, const char *name, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autofree char *wanted = NULL;
	autojson index = NULL;

	if (layout_open(store->data_dir, &layout, err) < 0 ||
	    layout_read_index(&layout, &index, err) < 0)
		return false;
	wanted = image_store_name(store, index, name, err);
	return wanted && image_index_find(index, wanted);
}

int image_store_import(struct image_store *store, const char *source, const char *name,
		       char **ret_name, char **ret_digest, struct lxcri_error *err)
{
	const struct image_import import = { .source = source, .name = name, .fd = -1 };

	return image_store_import_from(store, &import, ret_name, ret_digest, err);
}

int image_store_import_from(struct image_store *store, const struct image_import *import,
			    char **ret_name, char **ret_digest, struct lxcri_error *err)
{
	const char *const args[] = { WORKER_IMPORT, store->data_dir, import->source, import->name,
				     NULL };
	const struct worker_call call = { .program = "lxcri-worker",
					  .workers = store->workers,
					  .args = args,
					  .object = args[2] };
	autorun(worker_answer_finish) struct worker_answer answer = {};

	if (worker_run(&call, import->fd, &answer, err) < 0)
		return -1;
	if (!answer.digest)
		return fail(err, LXCRI_E_STORAGE_ERROR, "the worker gave no digest");
	if (ret_name)
		*ret_name = steal(answer.name);
	*ret_digest = steal(answer.digest);
	return 0;
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
