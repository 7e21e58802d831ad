/* SPDX-License-Identifier: MIT */
/* What docker load reads: layers as plain tar archives, whatever they were, and manifest.json. A
 * tar header has the size of what follows, so each layer is inflated twice: to measure it, and to
 * write it; nothing is kept in between. */

#include "base/mem.h"
#include "base/sha256.h"
#include "image/dest/dest_kinds.h"
#include "image/layer/stream.h"

#include <string.h>

static int check_blob(const struct source_layer *layer, const struct stream_digests *digests,
		      struct lxcri_error *err)
{
	if (!layer->digest || strcmp(layer->digest + strlen("sha256:"), digests->blob) == 0)
		return 0;
	return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
		    "the blob %s holds bytes with the digest sha256:%s", layer->digest,
		    digests->blob);
}

static int check(const struct source_layer *layer, const struct digest *diff_id,
		 const struct stream_digests *digests, struct lxcri_error *err)
{
	if (check_blob(layer, digests, err) < 0)
		return -1;
	if (strcmp(digests->content, diff_id->hex) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the content has the digest sha256:%s, the config says %s",
			    digests->content, diff_id->text);
	return 0;
}

/* A stream that can't be inflated may not be the one that was announced: that is the better news.
 */
static int explain(const struct source_layer *layer, struct work *work, struct lxcri_error *err)
{
	struct stream_digests digests = {};
	struct lxcri_error other;

	if (err->code != LXCRI_E_EXTRACT_FAILED ||
	    stream_hash_source(&layer->blob, work, digests.blob, &other) < 0)
		return -1;
	if (check_blob(layer, &digests, &other) < 0)
		*err = other;
	return -1;
}

/* Inflates the layer, into the file that was begun where @dest is not NULL. */
static int inflate(struct dest *dest, const struct source_layer *layer,
		   struct stream_digests *ret_digests, struct lxcri_error *err)
{
	struct budget budget = {};
	autoptr(work) work = work_create();
	const struct stream_options options = {
		.source = &layer->blob, .copy_fd = -1, .budget = &budget, .work = work
	};
	autoptr(stream) stream = stream_create(&options);
	const void *bytes;
	ssize_t size;

	while ((size = stream_read(stream, &bytes, err)) > 0)
		if (dest && dest_write(dest, bytes, (size_t)size, err) < 0)
			return -1;
	if (size < 0) {
		stream_free(steal(stream));
		return explain(layer, work, err);
	}
	stream_end(stream, ret_digests);
	return 0;
}

static int add_layer(struct dest *dest, const struct source_layer *layer,
		     const struct digest *diff_id, struct json_object *list,
		     struct lxcri_error *err)
{
	autofree char *name = xformat("%s.tar", diff_id->hex);
	struct stream_digests digests;

	(void)json_object_array_add(list, json_object_new_string(name));
	if (dest_has(dest, name, 0))
		return 0;
	if (inflate(NULL, layer, &digests, err) < 0 || check(layer, diff_id, &digests, err) < 0 ||
	    dest_begin(dest, name, digests.content_size, err) < 0 ||
	    inflate(dest, layer, &digests, err) < 0 || check(layer, diff_id, &digests, err) < 0)
		return -1;
	return dest_end(dest, err);
}

static void add_names(struct json_object *entry, const struct strings *names)
{
	struct json_object *tags = json_get(entry, "RepoTags");

	for (size_t i = 0; i < names->count; i++) {
		bool has = false;

		for (size_t at = 0; at < json_object_array_length(tags); at++)
			has |= strcmp(json_object_get_string(json_object_array_get_idx(tags, at)),
				      names->items[i]) == 0;
		if (!has)
			(void)json_object_array_add(tags, json_object_new_string(names->items[i]));
	}
}

static struct json_object *find_entry(struct json_object *list, const char *config)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (strcmp(json_get_text(entry, "Config"), config) == 0)
			return entry;
	}
	return NULL;
}

int dest_add_docker(struct dest *dest, struct source_image *image, const struct strings *names,
		    struct lxcri_error *err)
{
	autofree char *config = NULL;
	struct json_object *entry;
	struct json_object *layers;
	char hex[SHA256_HEX_SIZE];

	sha256_hex(image->config, image->config_size, hex);
	config = xformat("%s.json", hex);
	entry = find_entry(dest->list, config);
	if (entry) {
		add_names(entry, names);
		return 0;
	}
	entry = json_object_new_object();
	layers = json_object_new_array();
	json_set_text(entry, "Config", config);
	json_object_object_add(entry, "RepoTags", json_object_new_array());
	json_object_object_add(entry, "Layers", layers);
	(void)json_object_array_add(dest->list, entry);
	add_names(entry, names);
	for (size_t i = 0; i < image->n_layers; i++)
		if (add_layer(dest, &image->layers[i], &image->parsed_config->diff_ids[i], layers,
			      err) < 0)
			return fail_while(err, "layer %zu", i + 1);
	return dest_put(dest, config, image->config, image->config_size, err);
}
