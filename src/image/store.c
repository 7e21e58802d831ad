/* SPDX-License-Identifier: MIT */
/* The images of one data directory, for the command: reading happens here, with nothing heavier
 * than a few small files; whatever parses an archive is left to the worker. */

#include "image/store.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/image_index.h"
#include "image/stored_image.h"
#include "image/worker.h"
#include "oci/reference.h"

#include <stdlib.h>
#include <string.h>

struct image_store {
	char *data_dir;
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
	free(store);
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

static int compare_names(const void *a, const void *b)
{
	struct json_object *const *left = a;
	struct json_object *const *right = b;
	const char *left_name = image_index_name(*left);
	const char *right_name = image_index_name(*right);

	return strcmp(left_name ? left_name : "", right_name ? right_name : "");
}

/* Lists one entry of the index, for which no other file is read where it has a summary. Returns 1
 * when nothing more is wanted. */
static int list_entry(const struct layout *layout, struct json_object *entry,
		      int (*each)(void *userdata, const struct image *image), void *userdata,
		      struct lxcri_error *err)
{
	autorun(stored_image_finish) struct stored_image stored = {};
	const char *digest = json_get_text(entry, "digest");
	const char *name = image_index_name(entry);
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

int image_store_list(struct image_store *store,
		     int (*each)(void *userdata, const struct image *image), void *userdata,
		     struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autofree struct json_object **entries = NULL;
	autojson index = NULL;
	struct json_object *list;
	size_t count;

	if (layout_open(store->data_dir, &layout, err) < 0 ||
	    layout_read_index(&layout, &index, err) < 0)
		return -1;
	list = json_get(index, "manifests");
	count = json_object_array_length(list);
	entries = xcalloc(count + 1, sizeof(struct json_object *));
	for (size_t i = 0; i < count; i++)
		entries[i] = json_object_array_get_idx(list, i);
	qsort(entries, count, sizeof(struct json_object *), compare_names);
	for (size_t i = 0; i < count; i++) {
		int r = list_entry(&layout, entries[i], each, userdata, err);

		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return 0;
}
