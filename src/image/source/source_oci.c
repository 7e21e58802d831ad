/* SPDX-License-Identifier: MIT */
/* An OCI layout as a source: index.json names a manifest, or a further index with one for each
 * platform. */

#include "base/mem.h"
#include "base/sha256.h"
#include "image/layout.h"
#include "image/source/source_kinds.h"
#include "oci/manifest.h"

#include <string.h>

/* Checks that @descriptor's bytes can be found here, and returns their path, owned by the caller.
 */
static char *blob_path(const struct descriptor *descriptor, struct lxcri_error *err)
{
	if (descriptor->digest.algorithm != DIGEST_SHA256) {
		(void)fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			   descriptor->digest.text);
		return NULL;
	}
	return xformat("blobs/sha256/%s", descriptor->digest.hex);
}

static const char *downloads_of(const struct source *source)
{
	return source->downloads ? source->downloads : LAYOUT_DOWNLOADS;
}

/* Finds the blob of @descriptor where it is stored. Returns 1, or 0 where it is being fetched. */
static int find_stored(const struct source *source, const struct descriptor *descriptor,
		       struct span *ret_span, struct lxcri_error *err)
{
	autofree char *path = blob_path(descriptor, err);
	struct lxcri_error ignored;

	if (!path)
		return -1;
	if (!source->media_type)
		return source_find(source, path, ret_span, err) < 0 ? -1 : 1;
	if (source_find(source, path, ret_span, &ignored) < 0)
		return 0;
	if (ret_span->size == descriptor->size)
		return 1;
	span_finish(ret_span);
	return 0;
}

/* Finds the blob of @descriptor, which is whole, in the store or among the downloads. */
static int find_whole(const struct source *source, const struct descriptor *descriptor,
		      struct span *ret_span, struct lxcri_error *err)
{
	autofree char *download = xformat("%s/%s", downloads_of(source), descriptor->digest.hex);
	int r = find_stored(source, descriptor, ret_span, err);

	if (r != 0)
		return r;
	return source_find(source, download, ret_span, err);
}

static int check_size(uint64_t size, const struct descriptor *descriptor, struct lxcri_error *err)
{
	if (size == descriptor->size)
		return 0;
	return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
		    "the blob %s has %llu bytes where %llu are announced", descriptor->digest.text,
		    (unsigned long long)size, (unsigned long long)descriptor->size);
}

static int read_document(const struct source *source, const struct descriptor *descriptor,
			 char **ret_bytes, size_t *ret_size, struct lxcri_error *err)
{
	autorun(span_finish) struct span span = SPAN_NULL;
	autofree char *bytes = NULL;
	char hex[SHA256_HEX_SIZE];

	if (find_whole(source, descriptor, &span, err) < 0 ||
	    check_size(span.size, descriptor, err) < 0 ||
	    span_read_document(&span, json_limits_image.bytes_max, descriptor->digest.text, &bytes,
			       ret_size, err) < 0)
		return -1;
	sha256_hex(bytes, *ret_size, hex);
	if (strcmp(hex, descriptor->digest.hex) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the blob %s holds bytes with the digest sha256:%s",
			    descriptor->digest.text, hex);
	*ret_bytes = steal(bytes);
	return 0;
}

static bool has_names(const struct index *index)
{
	for (size_t i = 0; i < index->n_manifests; i++)
		if (descriptor_annotation(&index->manifests[i],
					  "org.opencontainers.image.ref.name"))
			return true;
	return false;
}

/* Without any name it is a list for several platforms. */
static bool is_list_of_images(const struct index *index)
{
	return index->n_manifests == 1 || has_names(index);
}

/* Attestations beside an image, and images for other hosts beside one with a name, are not meant.
 */
static bool is_meant(const struct index *index, const struct descriptor *descriptor)
{
	return index->n_manifests == 1 || !descriptor->has_platform ||
	       descriptor_annotation(descriptor, "org.opencontainers.image.ref.name");
}

static const struct descriptor *find_place(const struct index *index, size_t place)
{
	if (!is_list_of_images(index))
		return index_find_host(index);
	for (size_t i = 0; i < index->n_manifests; i++)
		if (is_meant(index, &index->manifests[i]) && place-- == 0)
			return &index->manifests[i];
	return NULL;
}

/* Chooses in index.json itself. Returns a descriptor borrowed from @index, or NULL. */
static const struct descriptor *choose(const struct source *source, const struct index *index,
				       struct lxcri_error *err)
{
	const struct descriptor *found = NULL;

	if (source->place >= 0) {
		found = find_place(index, (size_t)source->place);
	} else if (source->digest) {
		for (size_t i = 0; i < index->n_manifests && !found; i++)
			if (strcmp(index->manifests[i].digest.text, source->digest) == 0)
				found = &index->manifests[i];
		if (!found)
			(void)fail(err, LXCRI_E_IMAGE_NOT_FOUND, "no image %s", source->digest);
	} else if (source->selector) {
		found = index_find_name(index, source->selector);
		if (!found)
			(void)fail(err, LXCRI_E_IMAGE_NOT_FOUND, "no image is called \"%s\"",
				   source->selector);
	} else if (index->n_manifests == 1) {
		found = &index->manifests[0];
	} else if (index->n_manifests > 0 && has_names(index)) {
		(void)fail(err, LXCRI_E_INVALID_ARGUMENT,
			   "it holds %zu images: name one as oci:DIR:TAG", index->n_manifests);
	} else {
		found = index_find_host(index);
		if (!found)
			(void)fail(err, LXCRI_E_IMAGE_NOT_FOUND, "no image for linux/%s",
				   platform_host_architecture());
	}
	return found;
}

static int load_layer(const struct source *source, const struct descriptor *descriptor,
		      struct source_layer *layer, struct lxcri_error *err)
{
	bool is_followed = source->growth;
	int r = is_followed ? find_stored(source, descriptor, &layer->blob, err)
			    : find_whole(source, descriptor, &layer->blob, err);

	if (r < 0)
		return -1;
	layer->digest = xstrdup(descriptor->digest.text);
	layer->blob.hex = layer->digest + strlen("sha256:");
	if (!is_followed || r == 1)
		return check_size(layer->blob.size, descriptor, err);
	layer->is_download = true;
	layer->blob.size = descriptor->size;
	layer->blob.growth = source->growth;
	return 0;
}

static int load_layers(const struct source *source, const struct manifest *manifest,
		       struct source_image *image, struct lxcri_error *err)
{
	image->layers = xcalloc(manifest->n_layers, sizeof(image->layers[0]));
	for (size_t i = 0; i < manifest->n_layers; i++) {
		const struct descriptor *descriptor = &manifest->layers[i];
		struct source_layer *layer = &image->layers[i];

		layer->blob = SPAN_NULL;
		image->n_layers++;
		if (descriptor->type.kind != MEDIA_LAYER)
			return fail(err, LXCRI_E_INVALID_MEDIA_TYPE,
				    "the layer %s is of the unknown type %s",
				    descriptor->digest.text, descriptor->media_type);
		if (load_layer(source, descriptor, layer, err) < 0)
			return -1;
	}
	return 0;
}

static int load_manifest(const struct source *source, const struct descriptor *descriptor,
			 struct source_image *image, struct lxcri_error *err)
{
	autoptr(manifest) manifest = NULL;

	if (manifest_parse(image->manifest, image->manifest_size, descriptor->media_type, &manifest,
			   err) < 0)
		return fail_while(err, "read the manifest %s", descriptor->digest.text);
	image->media_type = xstrdup(descriptor->media_type);
	if (read_document(source, &manifest->config, &image->config, &image->config_size, err) <
		    0 ||
	    load_layers(source, manifest, image, err) < 0)
		return -1;
	return source_parse_config(image, err);
}

/* Follows @descriptor down to a manifest; @nested counts the indexes passed. */
static int load_descriptor(const struct source *source, const struct descriptor *descriptor,
			   unsigned int nested, struct source_image *image, struct lxcri_error *err)
{
	autoptr(index) index = NULL;
	autofree char *bytes = NULL;
	const struct descriptor *host;
	size_t size;

	if (descriptor->type.kind == MEDIA_MANIFEST) {
		if (read_document(source, descriptor, &image->manifest, &image->manifest_size,
				  err) < 0)
			return -1;
		return load_manifest(source, descriptor, image, err);
	}
	if (descriptor->type.kind != MEDIA_INDEX)
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE, "%s is of type %s, which is no image",
			    descriptor->digest.text, descriptor->media_type);
	if (nested == LAYOUT_NESTED_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "indexes are nested more than %d deep",
			    LAYOUT_NESTED_MAX);
	if (read_document(source, descriptor, &bytes, &size, err) < 0)
		return -1;
	if (index_parse(bytes, size, descriptor->media_type, &index, err) < 0)
		return fail_while(err, "read the index %s", descriptor->digest.text);
	host = index_find_host(index);
	if (!host)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "no image for linux/%s in the index %s",
			    platform_host_architecture(), descriptor->digest.text);
	return load_descriptor(source, host, nested + 1, image, err);
}

/* What was fetched stands in no index yet. */
static int find_fetched(const struct source *source, struct descriptor *ret,
			struct lxcri_error *err)
{
	struct descriptor descriptor = { .media_type = source->media_type,
					 .type = media_type_find(source->media_type) };
	autorun(span_finish) struct span span = SPAN_NULL;
	autofree char *download = NULL;
	autofree char *stored = NULL;
	struct lxcri_error ignored;

	if (digest_parse(source->digest, &descriptor.digest, err) < 0)
		return -1;
	stored = blob_path(&descriptor, err);
	if (!stored)
		return -1;
	download = xformat("%s/%s", downloads_of(source), descriptor.digest.hex);
	if (source_find(source, stored, &span, &ignored) < 0 &&
	    source_find(source, download, &span, err) < 0)
		return -1;
	descriptor.size = span.size;
	*ret = descriptor;
	return 0;
}

static int read_index(const struct source *source, struct index **ret_index,
		      struct lxcri_error *err)
{
	autofree char *bytes = NULL;
	size_t size;

	if (source_read(source, "oci-layout", &bytes, &size, err) < 0)
		return -1;
	free(steal(bytes));
	if (source_read(source, "index.json", &bytes, &size, err) < 0)
		return -1;
	if (index_parse(bytes, size, NULL, ret_index, err) < 0)
		return fail_while(err, "read index.json");
	return 0;
}

int source_count_oci(struct source *source, size_t *ret, struct lxcri_error *err)
{
	autoptr(index) index = NULL;
	size_t count = 0;

	if (read_index(source, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index->n_manifests; i++)
		count += is_meant(index, &index->manifests[i]);
	if (!is_list_of_images(index))
		count = index_find_host(index) ? 1 : 0;
	if (count == 0)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "no image for linux/%s",
			    platform_host_architecture());
	*ret = count;
	return 0;
}

int source_find_oci(const struct source *source, const struct descriptor *descriptor,
		    struct span *ret_span, struct lxcri_error *err)
{
	if (find_whole(source, descriptor, ret_span, err) < 0)
		return -1;
	return check_size(ret_span->size, descriptor, err);
}

int source_read_oci(const struct source *source, const struct descriptor *descriptor,
		    char **ret_bytes, size_t *ret_size, struct lxcri_error *err)
{
	return read_document(source, descriptor, ret_bytes, ret_size, err);
}

/* Finds the descriptor that is meant; it is borrowed from @ret_index, or from @source. */
static int find_root(const struct source *source, struct index **ret_index, struct descriptor *ret,
		     struct lxcri_error *err)
{
	const struct descriptor *chosen;

	if (source->media_type)
		return find_fetched(source, ret, err);
	if (read_index(source, ret_index, err) < 0)
		return -1;
	chosen = choose(source, *ret_index, err);
	if (!chosen)
		return -1;
	*ret = *chosen;
	return 0;
}

static char *name_of(const struct source *source, const struct descriptor *root)
{
	char *name = source_name(descriptor_annotation(root, "io.containerd.image.name"));

	if (!name)
		name = source_name_of(
			source, descriptor_annotation(root, "org.opencontainers.image.ref.name"));
	return name;
}

int source_root_oci(const struct source *source, struct source_root *ret, struct lxcri_error *err)
{
	autoptr(index) index = NULL;
	struct descriptor root;

	if (find_root(source, &index, &root, err) < 0)
		return -1;
	*ret = (struct source_root){ .name = name_of(source, &root),
				     .digest = xstrdup(root.digest.text),
				     .media_type = xstrdup(root.media_type),
				     .size = root.size };
	return 0;
}

int source_load_oci(const struct source *source, struct source_image *image,
		    struct lxcri_error *err)
{
	autoptr(index) index = NULL;
	struct descriptor root;

	if (find_root(source, &index, &root, err) < 0)
		return -1;
	image->name = name_of(source, &root);
	return load_descriptor(source, &root, 0, image, err);
}
