/* SPDX-License-Identifier: MIT */
/* Image manifests and indexes. A document that could be read as both has fooled verifiers that
 * checked one reading and used the other, so such a one is refused. */

#include "oci/manifest.h"

#include "base/mem.h"

#include <string.h>

#define REF_NAME "org.opencontainers.image.ref.name"

/* What tells the two kinds apart. */
struct kind {
	enum media_kind kind;
	const char *name;
	const char *member;         /* what it must have */
	const char *const *foreign; /* what the other kind has */
};

static const char *const of_manifest[] = { "config", "layers", NULL };
static const char *const of_index[] = { "manifests", NULL };
static const struct kind kind_manifest = { MEDIA_MANIFEST, "manifest", "layers", of_index };
static const struct kind kind_index = { MEDIA_INDEX, "index", "manifests", of_manifest };

static int check_media_type(const struct kind *kind, struct json_object *document,
			    const char *media_type, struct lxcri_error *err)
{
	struct json_object *own = json_get(document, "mediaType");
	const char *text = json_get_text(document, "mediaType");

	if (own && media_type_find(text).kind != kind->kind)
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE,
			    "mediaType: \"%.100s\" is not that of an image %s", text ? text : "?",
			    kind->name);
	if (media_type && media_type_find(media_type).kind != kind->kind)
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE, "\"%.100s\" is no image %s",
			    media_type, kind->name);
	if (text && media_type && strcmp(text, media_type) != 0)
		return fail(err, LXCRI_E_INVALID_MEDIA_TYPE,
			    "mediaType: \"%.100s\" where its descriptor says \"%.100s\"", text,
			    media_type);
	return 0;
}

static int check_kind(const struct kind *kind, struct json_object *document, const char *media_type,
		      struct lxcri_error *err)
{
	if (!json_object_is_type(document, json_type_object))
		return fail(err, LXCRI_E_INVALID_FORMAT, "must be an object");
	if (json_get_u64(document, "schemaVersion", 0) != 2)
		return fail(err, LXCRI_E_INVALID_FORMAT, "schemaVersion: must be 2");
	for (const char *const *foreign = kind->foreign; *foreign; foreign++)
		if (json_object_object_get_ex(document, *foreign, NULL))
			return fail(err, LXCRI_E_INVALID_FORMAT,
				    "%s: does not belong in an image %s", *foreign, kind->name);
	if (check_media_type(kind, document, media_type, err) < 0)
		return -1;
	if (!json_object_is_type(json_get(document, kind->member), json_type_array))
		return fail(err, LXCRI_E_INVALID_FORMAT, "%s: must be an array", kind->member);
	return 0;
}

/* Reads the array @key, whose type has been checked. */
static int read_descriptors(struct json_object *document, const char *key, size_t max,
			    struct descriptor **ret, size_t *ret_count, struct lxcri_error *err)
{
	struct json_object *array = json_get(document, key);
	size_t count = json_object_array_length(array);

	if (count > max)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "%s: %zu where %zu are allowed", key,
			    count, max);

	autofree struct descriptor *descriptors = xcalloc(count, sizeof(*descriptors));

	for (size_t i = 0; i < count; i++) {
		autofree char *path = json_path_index(key, i);

		if (descriptor_read(json_object_array_get_idx(array, i), path, &descriptors[i],
				    err) < 0)
			return -1;
	}
	*ret = steal(descriptors);
	*ret_count = count;
	return 0;
}

static int read_manifest(const char *bytes, size_t size, const char *media_type,
			 struct manifest *manifest, struct lxcri_error *err)
{
	if (json_parse(bytes, size, &json_limits_image, &manifest->document, err) < 0 ||
	    check_kind(&kind_manifest, manifest->document, media_type, err) < 0)
		return -1;
	manifest->media_type = json_get_text(manifest->document, "mediaType");
	if (descriptor_read(json_get(manifest->document, "config"), "config", &manifest->config,
			    err) < 0)
		return -1;
	return read_descriptors(manifest->document, "layers", MANIFEST_LAYERS_MAX,
				&manifest->layers, &manifest->n_layers, err);
}

int manifest_parse(const char *bytes, size_t size, const char *media_type, struct manifest **ret,
		   struct lxcri_error *err)
{
	autoptr(manifest) manifest = xnew(struct manifest);

	if (read_manifest(bytes, size, media_type, manifest, err) < 0)
		return fail_while(err, "image manifest");
	*ret = steal(manifest);
	return 0;
}

void manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return;
	free(manifest->layers);
	json_free(manifest->document);
	free(manifest);
}

static int read_index(const char *bytes, size_t size, const char *media_type, struct index *index,
		      struct lxcri_error *err)
{
	if (json_parse(bytes, size, &json_limits_image, &index->document, err) < 0 ||
	    check_kind(&kind_index, index->document, media_type, err) < 0)
		return -1;
	index->media_type = json_get_text(index->document, "mediaType");
	return read_descriptors(index->document, "manifests", INDEX_MANIFESTS_MAX,
				&index->manifests, &index->n_manifests, err);
}

int index_parse(const char *bytes, size_t size, const char *media_type, struct index **ret,
		struct lxcri_error *err)
{
	autoptr(index) index = xnew(struct index);

	if (read_index(bytes, size, media_type, index, err) < 0)
		return fail_while(err, "image index");
	*ret = steal(index);
	return 0;
}

void index_free(struct index *index)
{
	if (!index)
		return;
	free(index->manifests);
	json_free(index->document);
	free(index);
}

enum media_kind manifest_guess_kind(const char *bytes, size_t size)
{
	struct lxcri_error ignored = {};
	autojson document = NULL;

	if (json_parse(bytes, size, &json_limits_image, &document, &ignored) < 0)
		return MEDIA_UNKNOWN;
	if (check_kind(&kind_manifest, document, NULL, &ignored) == 0)
		return MEDIA_MANIFEST;
	return check_kind(&kind_index, document, NULL, &ignored) == 0 ? MEDIA_INDEX : MEDIA_UNKNOWN;
}

const char *platform_host_architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__arm__)
	return "arm";
#elif defined(__riscv)
	return "riscv64";
#elif defined(__powerpc64__)
	return "ppc64le";
#elif defined(__s390x__)
	return "s390x";
#else
#error "name this architecture as images do"
#endif
}

/* How well a manifest suits this host: 0 is not at all. One that was built for a particular variant
 * of the processor may need more than this one has. */
static int suits_host(const struct descriptor *manifest)
{
	const struct platform *platform = &manifest->platform;

	if (manifest->type.kind != MEDIA_MANIFEST && manifest->type.kind != MEDIA_INDEX)
		return 0;
	if (!manifest->has_platform)
		return 1;
	if (!platform->os || strcmp(platform->os, "linux") != 0 || !platform->architecture ||
	    strcmp(platform->architecture, platform_host_architecture()) != 0)
		return 0;
	return platform->variant ? 2 : 3;
}

const struct descriptor *index_find_host(const struct index *index)
{
	const struct descriptor *found = NULL;
	int best = 0;

	for (size_t i = 0; i < index->n_manifests; i++) {
		int suits = suits_host(&index->manifests[i]);

		if (suits > best) {
			found = &index->manifests[i];
			best = suits;
		}
	}
	return found;
}

const struct descriptor *index_find_name(const struct index *index, const char *name)
{
	const struct descriptor *found = NULL;

	for (size_t i = 0; i < index->n_manifests; i++) {
		const char *own = descriptor_annotation(&index->manifests[i], REF_NAME);

		if (own && strcmp(own, name) == 0)
			found = &index->manifests[i];
	}
	return found;
}
