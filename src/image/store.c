/* SPDX-License-Identifier: MIT */
/* The images of one data directory, for the command: reading happens here, with nothing heavier
 * than a few small files; whatever parses an archive is left to the worker. */

#include "image/store.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/image_index.h"
#include "image/layout.h"
#include "image/worker.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct image_store {
	char *data_dir;
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

/* Reads "2024-05-01T10:20:30.123456789+02:00"; 0 for what is not such a time. */
static int64_t parse_time(const char *text)
{
	struct tm tm = {};
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	int64_t nanoseconds = 0;
	int64_t scale = 1000000000;
	int hours = 0;
	int minutes = 0;

	if (!rest)
		return 0;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
			scale /= 10;
			nanoseconds += (*rest - '0') * scale;
		}
	if ((*rest == '+' || *rest == '-') && strlen(rest) == strlen("+00:00")) {
		hours = atoi(rest + 1);
		minutes = atoi(rest + 4);
		if (*rest == '-') {
			hours = -hours;
			minutes = -minutes;
		}
	}

	int64_t seconds = (int64_t)timegm(&tm) - hours * 3600 - minutes * 60;

	if (seconds < 0 || seconds > INT64_MAX / 1000000000 - 1)
		return 0;
	return seconds * 1000000000 + nanoseconds;
}

/* What is read of one entry of the index. */
struct reading {
	struct image image;
	struct strings chain_ids;
};

static void reading_finish(struct reading *reading)
{
	image_finish(&reading->image);
	strings_finish(&reading->chain_ids);
}

static int read_config(const struct layout *layout, const struct manifest *manifest,
		       struct reading *reading, struct lxcri_error *err)
{
	autoptr(image_config) config = NULL;
	struct strings diff_ids = {};
	size_t size;

	if (manifest->config.digest.algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			    manifest->config.digest.text);
	if (layout_read_document(layout, manifest->config.digest.text, &reading->image.config_json,
				 &size, err) < 0 ||
	    image_config_parse(reading->image.config_json, size, &config, err) < 0)
		return -1;
	for (size_t i = 0; i < config->n_diff_ids; i++)
		strings_add(&diff_ids, config->diff_ids[i].text);
	layout_chain_ids(&diff_ids, &reading->chain_ids);
	strings_finish(&diff_ids);
	reading->image.created_ns = parse_time(config->created);
	reading->image.layers = (unsigned int)config->n_diff_ids;
	return 0;
}

static int read_image(const struct layout *layout, struct json_object *entry,
		      struct reading *reading, struct lxcri_error *err)
{
	autorun(reading_finish) struct reading found = {};
	autoptr(manifest) manifest = NULL;
	autofree char *bytes = NULL;
	struct descriptor descriptor;
	size_t size;

	if (descriptor_read(entry, "manifests[]", &descriptor, err) < 0)
		return -1;
	if (descriptor.digest.algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			    descriptor.digest.text);
	if (layout_read_document(layout, descriptor.digest.text, &bytes, &size, err) < 0 ||
	    manifest_parse(bytes, size, descriptor.media_type, &manifest, err) < 0 ||
	    read_config(layout, manifest, &found, err) < 0)
		return -1;
	found.image.name = xstrdup(image_index_name(entry));
	if (!found.image.name)
		found.image.name = xstrdup(descriptor.digest.text);
	found.image.digest = xstrdup(descriptor.digest.text);
	found.image.size_bytes = size + manifest->config.size;
	for (size_t i = 0; i < manifest->n_layers; i++)
		found.image.size_bytes += manifest->layers[i].size;
	*reading = found;
	found = (struct reading){};
	return 0;
}

static bool has_all_layers(const struct layout *layout, const struct strings *chain_ids)
{
	for (size_t i = 0; i < chain_ids->count; i++)
		if (!layout_has_layer(layout, chain_ids->items[i]))
			return false;
	return true;
}

/* Makes an entry for the manifest @digest that no name is left for: whoever imported it last still
 * gets it, though another import has taken the name since. Returns NULL when it is not stored. */
static struct json_object *unlisted_entry(const struct layout *layout, const char *digest)
{
	autofree char *bytes = NULL;
	autojson document = NULL;
	struct lxcri_error ignored;
	struct json_object *entry;
	const char *type;
	size_t size;

	if (!text_starts_with(digest, "sha256:") ||
	    layout_read_document(layout, digest, &bytes, &size, &ignored) < 0 ||
	    manifest_guess_kind(bytes, size) != MEDIA_MANIFEST ||
	    json_parse(bytes, size, &json_limits_image, &document, &ignored) < 0)
		return NULL;
	type = json_get_text(document, "mediaType");
	entry = json_object_new_object();
	json_set_text(entry, "mediaType", type ? type : MEDIA_TYPE_OCI_MANIFEST);
	json_set_text(entry, "digest", digest);
	json_object_object_add(entry, "size", json_object_new_uint64(size));
	return entry;
}

int image_store_get(struct image_store *store, const char *name, struct image *ret_image,
		    struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(reading_finish) struct reading reading = {};
	autofree char *wanted = image_stored_name(name, err);
	autofree char *ignored = NULL;
	autojson index = NULL;
	autojson unlisted = NULL;
	struct json_object *entry;

	if (!wanted || layout_open(store->data_dir, &layout, err) < 0 ||
	    layout_read_index(&layout, &index, err) < 0)
		return -1;
	entry = image_index_find(index, wanted);
	if (!entry)
		entry = unlisted = unlisted_entry(&layout, wanted);
	if (!entry)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", wanted);
	if (read_image(&layout, entry, &reading, err) < 0)
		return fail_while(err, "image %s", wanted);
	if (!has_all_layers(&layout, &reading.chain_ids)) {
		const char *const args[] = { WORKER_WORKERS,  store->workers,       WORKER_UNPACK,
					     store->data_dir, reading.image.digest, NULL };

		if (worker_run(args, NULL, &ignored, err) < 0)
			return fail_while(err, "image %s", wanted);
	}
	for (size_t i = reading.chain_ids.count; i-- > 0;)
		strings_addf(&reading.image.layer_dirs, "%s/layers/%s/%s", store->data_dir,
			     reading.chain_ids.items[i], LAYOUT_TREE);
	*ret_image = reading.image;
	reading.image = (struct image){};
	return 0;
}

int image_store_import(struct image_store *store, const char *source, const char *name,
		       char **ret_name, char **ret_digest, struct lxcri_error *err)
{
	const char *const args[] = { WORKER_WORKERS, store->workers, WORKER_IMPORT, store->data_dir,
				     source,         name,           NULL };

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
		autorun(reading_finish) struct reading reading = {};

		if (read_image(&layout, entries[i], &reading, err) < 0)
			return fail_while(
				err, "image %s",
				json_object_to_json_string(json_get(entries[i], "digest")));
		free(steal(reading.image.config_json));
		if (each(userdata, &reading.image) < 0)
			break;
	}
	return 0;
}
