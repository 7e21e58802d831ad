/* SPDX-License-Identifier: MIT */
/* Which repositories of a registry have a blob. */

#include "image/registry/push/mounts.h"

#include "base/mem.h"
#include "image/image_index.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#include <string.h>

/* A store has more; the newest will do. */
#define IMAGES_MAX 200

static void add(struct mounts *mounts, const struct descriptor *descriptor, const char *path)
{
	strings_add(&mounts->digests, descriptor->digest.text);
	strings_add(&mounts->repositories, path);
}

static void add_image(struct mounts *mounts, const struct layout *layout, const char *digest,
		      const char *path)
{
	autoptr(manifest) manifest = NULL;
	autofree char *bytes = NULL;
	struct lxcri_error ignored;
	struct digest parsed;
	size_t size;

	if (!digest || digest_parse(digest, &parsed, &ignored) < 0 ||
	    parsed.algorithm != DIGEST_SHA256 ||
	    layout_read_document(layout, digest, &bytes, &size, &ignored) < 0 ||
	    manifest_parse(bytes, size, NULL, &manifest, &ignored) < 0)
		return;
	add(mounts, &manifest->config, path);
	for (size_t i = 0; i < manifest->n_layers; i++)
		add(mounts, &manifest->layers[i], path);
}

void mounts_read(const struct layout *layout, const char *host, const char *path,
		 struct mounts *mounts)
{
	autojson index = NULL;
	struct lxcri_error ignored;
	struct json_object *list;
	size_t count = 0;

	if (layout_read_index(layout, &index, &ignored) < 0)
		return;
	list = json_get(index, "manifests");
	for (size_t i = json_count(list); i > 0 && count < IMAGES_MAX; i--) {
		struct json_object *entry = json_object_array_get_idx(list, i - 1);
		const char *name = image_index_name(entry);
		autorun(image_ref_finish) struct image_ref ref = {};

		if (!name || image_ref_parse(name, &ref, &ignored) < 0 ||
		    strcmp(ref.host, host) != 0 || strcmp(ref.path, path) == 0)
			continue;
		add_image(mounts, layout, json_get_text(entry, "digest"), ref.path);
		count++;
	}
}

const char *mounts_find(const struct mounts *mounts, const char *digest)
{
	for (size_t i = 0; i < mounts->digests.count; i++)
		if (strcmp(mounts->digests.items[i], digest) == 0)
			return mounts->repositories.items[i];
	return NULL;
}

void mounts_finish(struct mounts *mounts)
{
	strings_finish(&mounts->digests);
	strings_finish(&mounts->repositories);
}
