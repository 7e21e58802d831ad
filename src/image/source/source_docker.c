/* SPDX-License-Identifier: MIT */
/* What docker save writes: manifest.json lists images, each with the names of its config and its
 * layers in the archive. There is no manifest of the registry's kind; the importer makes one. */

#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "image/source/source_kinds.h"
#include "oci/manifest.h"

#include <string.h>

/* Names that an image may bring. */
#define NAMES_MAX 100

/* Tells whether one of the names of @entry is @wanted, a normalised reference. */
static bool is_called(struct json_object *entry, const char *wanted)
{
	struct json_object *tags = json_get(entry, "RepoTags");
	size_t count = json_count(tags);

	for (size_t i = 0; i < count; i++) {
		autofree char *name =
			source_name(json_object_get_string(json_object_array_get_idx(tags, i)));

		if (name && strcmp(name, wanted) == 0)
			return true;
	}
	return false;
}

/* "@N" is the image at place N, as skopeo writes it; anything else a reference. */
static struct json_object *choose(const struct source *source, struct json_object *list,
				  struct lxcri_error *err)
{
	size_t count = json_object_array_length(list);
	const char *selector = source->selector;
	uint64_t place;

	if (source->place >= 0)
		return json_object_array_get_idx(list, (size_t)source->place);
	if (!selector && count == 1)
		return json_object_array_get_idx(list, 0);
	if (!selector) {
		(void)fail(err, LXCRI_E_INVALID_ARGUMENT,
			   "it holds %zu images: name one as docker-archive:FILE:REF", count);
		return NULL;
	}
	if (*selector == '@' && text_parse_u64(selector + 1, 0, UINT32_MAX, &place) == 0 &&
	    place < count)
		return json_object_array_get_idx(list, place);

	autofree char *wanted = source_name(selector);

	for (size_t i = 0; wanted && i < count; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (is_called(entry, wanted))
			return entry;
	}
	(void)fail(err, LXCRI_E_IMAGE_NOT_FOUND, "no image is called \"%s\"", selector);
	return NULL;
}

/* The name of the config is its digest: "<hex>.json" or "blobs/sha256/<hex>". */
static int load_config(const struct source *source, struct json_object *entry,
		       struct source_image *image, struct lxcri_error *err)
{
	const char *name = json_get_text(entry, "Config");
	const char *slash = name ? strrchr(name, '/') : NULL;
	const char *base = slash ? slash + 1 : name;
	char hex[SHA256_HEX_SIZE];

	if (!name)
		return fail(err, LXCRI_E_INVALID_FORMAT, "manifest.json names no config");
	if (source_read(source, name, &image->config, &image->config_size, err) < 0)
		return -1;
	sha256_hex(image->config, image->config_size, hex);
	if (strncmp(base, hex, strlen(hex)) != 0 ||
	    (base[strlen(hex)] && strcmp(base + strlen(hex), ".json") != 0))
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the config %s holds bytes with the digest sha256:%s", name, hex);
	return 0;
}

static int load_layers(const struct source *source, struct json_object *entry,
		       struct source_image *image, struct lxcri_error *err)
{
	struct json_object *list = json_get(entry, "Layers");
	size_t count = json_count(list);

	if (count > MANIFEST_LAYERS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the image has more than %d layers",
			    MANIFEST_LAYERS_MAX);
	image->layers = xcalloc(count, sizeof(image->layers[0]));
	for (size_t i = 0; i < count; i++) {
		struct json_object *name = json_object_array_get_idx(list, i);

		image->layers[i].blob = SPAN_NULL;
		image->n_layers++;
		if (!json_object_is_type(name, json_type_string))
			return fail(err, LXCRI_E_INVALID_FORMAT,
				    "manifest.json has a layer that is no text");
		if (source_find(source, json_object_get_string(name), &image->layers[i].blob, err) <
		    0)
			return -1;
	}
	return 0;
}

static int read_list(const struct source *source, struct json_object **ret_list,
		     struct lxcri_error *err)
{
	autofree char *bytes = NULL;
	autojson list = NULL;
	size_t size;

	if (source_read(source, "manifest.json", &bytes, &size, err) < 0)
		return -1;
	if (json_parse(bytes, size, &json_limits_image, &list, err) < 0)
		return fail_while(err, "read manifest.json");
	if (!json_object_is_type(list, json_type_array))
		return fail(err, LXCRI_E_INVALID_FORMAT, "manifest.json is not a list");
	*ret_list = steal(list);
	return 0;
}

int source_count_docker(struct source *source, size_t *ret, struct lxcri_error *err)
{
	autojson list = NULL;

	if (read_list(source, &list, err) < 0)
		return -1;
	*ret = json_object_array_length(list);
	if (*ret == 0 || *ret > INDEX_MANIFESTS_MAX)
		return fail(err, *ret ? LXCRI_E_LIMIT_EXCEEDED : LXCRI_E_INVALID_FORMAT,
			    "manifest.json has %zu images", *ret);
	return 0;
}

/* The first name that is a reference, and the others, unless one was asked for. */
static void take_names(const struct source *source, struct json_object *tags,
		       struct source_image *image)
{
	size_t count = json_count(tags);

	if (source->selector && *source->selector != '@') {
		image->name = source_name(source->selector);
		return;
	}
	for (size_t i = 0; i < count && i < NAMES_MAX; i++) {
		char *name =
			source_name(json_object_get_string(json_object_array_get_idx(tags, i)));

		if (!image->name)
			image->name = name;
		else if (name)
			strings_add_consume(&image->other_names, name);
	}
}

int source_load_docker(const struct source *source, struct source_image *image,
		       struct lxcri_error *err)
{
	autojson list = NULL;
	struct json_object *entry;

	if (read_list(source, &list, err) < 0)
		return -1;
	entry = choose(source, list, err);
	if (!entry || load_config(source, entry, image, err) < 0 ||
	    load_layers(source, entry, image, err) < 0)
		return -1;
	take_names(source, json_get(entry, "RepoTags"), image);
	return source_parse_config(image, err);
}
