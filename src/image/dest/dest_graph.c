/* SPDX-License-Identifier: MIT */
/* All that an image consists of, for every platform, byte by byte as it is: what one document names
 * is written before it. */

#include "base/mem.h"
#include "image/dest/dest_kinds.h"
#include "image/image_index.h"
#include "image/layout.h"
#include "image/source/source_kinds.h"
#include "oci/manifest.h"

#include <string.h>

#define DOCUMENTS_MAX 1000

struct graph {
	struct dest *dest;
	const struct source *source;
	size_t documents;
};

static int add_blob(const struct graph *graph, const struct descriptor *descriptor,
		    struct lxcri_error *err)
{
	autorun(span_finish) struct span span = SPAN_NULL;

	if (source_find_oci(graph->source, descriptor, &span, err) < 0)
		return -1;
	return dest_copy_blob(graph->dest, &span, descriptor->digest.hex, err);
}

static int add_manifest(const struct graph *graph, const struct descriptor *descriptor,
			const char *bytes, size_t size, struct lxcri_error *err)
{
	autoptr(manifest) manifest = NULL;

	if (manifest_parse(bytes, size, descriptor->media_type, &manifest, err) < 0 ||
	    add_blob(graph, &manifest->config, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->n_layers; i++)
		if (add_blob(graph, &manifest->layers[i], err) < 0)
			return -1;
	return 0;
}

static int add(struct graph *graph, const struct descriptor *descriptor, unsigned int nested,
	       struct lxcri_error *err);

static int add_index(struct graph *graph, const struct descriptor *descriptor, const char *bytes,
		     size_t size, unsigned int nested, struct lxcri_error *err)
{
	autoptr(index) index = NULL;

	if (nested == LAYOUT_NESTED_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "indexes are nested more than %d deep",
			    LAYOUT_NESTED_MAX);
	if (index_parse(bytes, size, descriptor->media_type, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index->n_manifests; i++)
		if (add(graph, &index->manifests[i], nested + 1, err) < 0)
			return -1;
	return 0;
}

static int add(struct graph *graph, const struct descriptor *descriptor, unsigned int nested,
	       struct lxcri_error *err)
{
	autofree char *bytes = NULL;
	autofree char *name = NULL;
	size_t size;
	int r;

	if (graph->documents++ == DOCUMENTS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the image has more than %d manifests",
			    DOCUMENTS_MAX);
	if (source_read_oci(graph->source, descriptor, &bytes, &size, err) < 0)
		return -1;
	if (descriptor->type.kind == MEDIA_MANIFEST)
		r = add_manifest(graph, descriptor, bytes, size, err);
	else if (descriptor->type.kind == MEDIA_INDEX)
		r = add_index(graph, descriptor, bytes, size, nested, err);
	else
		r = fail(err, LXCRI_E_INVALID_MEDIA_TYPE,
			 "it is of the type %.100s, which is no image", descriptor->media_type);
	if (r < 0)
		return fail_while(err, "%s", descriptor->digest.text);
	name = xformat(LAYOUT_BLOBS "/%s", descriptor->digest.hex);
	return dest_put(graph->dest, name, bytes, size, err);
}

int dest_add_all(struct dest *dest, struct source *source, const struct source_root *root,
		 const struct strings *names, struct lxcri_error *err)
{
	struct graph graph = { .dest = dest, .source = source };
	struct descriptor descriptor = { .media_type = root->media_type,
					 .type = media_type_find(root->media_type),
					 .size = root->size };
	struct image_index_entry entry = { .media_type = root->media_type,
					   .digest = root->digest,
					   .size = root->size };

	if (dest->kind == PLACE_DOCKER_ARCHIVE)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "a docker archive takes no image for several platforms");
	if (digest_parse(root->digest, &descriptor.digest, err) < 0 ||
	    add(&graph, &descriptor, 0, err) < 0)
		return -1;
	if (names->count == 0)
		image_index_set(dest->list, &entry);
	for (size_t i = 0; i < names->count; i++) {
		entry.name = names->items[i];
		entry.is_bare_tag = !strpbrk(entry.name, "/:");
		image_index_set(dest->list, &entry);
	}
	return 0;
}
