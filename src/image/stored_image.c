/* SPDX-License-Identifier: MIT */
/* One image of the store, as its documents tell of it. */

#include "image/stored_image.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/image_index.h"

#include <string.h>

void stored_image_finish(struct stored_image *stored)
{
	image_finish(&stored->image);
	manifest_free(stored->manifest);
	image_config_free(stored->config);
	strings_finish(&stored->chain_ids);
	*stored = (struct stored_image){};
}

static int read_config(const struct layout *layout, struct stored_image *stored,
		       struct lxcri_error *err)
{
	const struct digest *digest = &stored->manifest->config.digest;
	struct strings diff_ids = {};
	size_t size;

	if (digest->algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			    digest->text);
	if (layout_read_document(layout, digest->text, &stored->image.config_json, &size, err) <
		    0 ||
	    image_config_parse(stored->image.config_json, size, &stored->config, err) < 0)
		return -1;
	for (size_t i = 0; i < stored->config->n_diff_ids; i++)
		strings_add(&diff_ids, stored->config->diff_ids[i].text);
	layout_chain_ids(&diff_ids, &stored->chain_ids);
	strings_finish(&diff_ids);
	stored->image.created_ns = image_index_parse_time(stored->config->created);
	stored->image.layers = (unsigned int)stored->config->n_diff_ids;
	return 0;
}

int stored_image_read(const struct layout *layout, struct json_object *entry,
		      struct stored_image *ret, struct lxcri_error *err)
{
	autorun(stored_image_finish) struct stored_image found = {};
	autofree char *bytes = NULL;
	struct descriptor descriptor;
	size_t size;

	if (descriptor_read(entry, "manifests[]", &descriptor, err) < 0)
		return -1;
	if (descriptor.digest.algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			    descriptor.digest.text);
	if (layout_read_document(layout, descriptor.digest.text, &bytes, &size, err) < 0 ||
	    manifest_parse(bytes, size, descriptor.media_type, &found.manifest, err) < 0 ||
	    read_config(layout, &found, err) < 0)
		return -1;
	found.image.name = xstrdup(image_index_name(entry));
	if (!found.image.name)
		found.image.name = xstrdup(descriptor.digest.text);
	found.image.digest = xstrdup(descriptor.digest.text);
	found.image.size_bytes = size + found.manifest->config.size;
	for (size_t i = 0; i < found.manifest->n_layers; i++)
		found.image.size_bytes += found.manifest->layers[i].size;
	*ret = found;
	found = (struct stored_image){};
	return 0;
}

struct json_object *stored_image_unlisted(const struct layout *layout, const char *digest)
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

int stored_image_find(const struct image_store *store, const struct layout *layout,
		      const char *name, struct stored_image *ret, struct lxcri_error *err)
{
	autofree char *wanted = NULL;
	autojson index = NULL;
	autojson unlisted = NULL;
	struct json_object *entry;

	if (layout_read_index(layout, &index, err) < 0)
		return -1;
	wanted = image_store_name(store, index, name, err);
	if (!wanted)
		return -1;
	entry = image_index_find(index, wanted);
	if (!entry)
		entry = unlisted = stored_image_unlisted(layout, wanted);
	if (!entry)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", wanted);
	if (stored_image_read(layout, entry, ret, err) < 0)
		return fail_while(err, "image %s", wanted);
	return 0;
}
