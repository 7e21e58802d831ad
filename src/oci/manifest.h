/* SPDX-License-Identifier: MIT */
#pragma once

/* Image manifests and indexes, of the image specification and of docker's schema 2. The structs
 * borrow from the JSON document, which is kept with every field it has. */

#include "oci/descriptor.h"

#include "base/scope.h"

#define MANIFEST_LAYERS_MAX 500
#define INDEX_MANIFESTS_MAX 1000

/* One image: its config and its layers, the lowest first. */
struct manifest {
	struct json_object *document;
	const char *media_type; /* NULL when the document does not tell */
	struct descriptor config;
	struct descriptor *layers;
	size_t n_layers;
};

/* A list of manifests, one per platform or per name. */
struct index {
	struct json_object *document;
	const char *media_type;
	struct descriptor *manifests;
	size_t n_manifests;
};

/* Parses @size bytes that a descriptor calls @media_type (NULL when nothing does). Fails with
 * LXCRI_E_INVALID_JSON, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_INVALID_MEDIA_TYPE where the document is
 * of another kind or says so, LXCRI_E_INVALID_FORMAT for one that is manifest and index at once,
 * and what descriptor_read() fails with. The caller owns *@ret. */
[[nodiscard]] int manifest_parse(const char *bytes, size_t size, const char *media_type,
				 struct manifest **ret, struct lxcri_error *err);

/* Frees @manifest; NULL is fine. */
void manifest_free(struct manifest *manifest);
DEFINE_AUTOPTR(manifest)

/* As manifest_parse(), for an index. */
[[nodiscard]] int index_parse(const char *bytes, size_t size, const char *media_type,
			      struct index **ret, struct lxcri_error *err);

/* Frees @index; NULL is fine. */
void index_free(struct index *index);
DEFINE_AUTOPTR(index)

/* Returns what kind of document the bytes are, for where nothing else tells: MEDIA_MANIFEST,
 * MEDIA_INDEX, or MEDIA_UNKNOWN for anything else, malformed JSON included. */
enum media_kind manifest_guess_kind(const char *bytes, size_t size);

/* Returns the manifest for this host, or NULL: the first for linux and its architecture, rather
 * without a variant than with one, else the first that names no platform. Attestations and the like
 * ("unknown") are passed over. */
const struct descriptor *index_find_host(const struct index *index);

/* Returns the manifest that the annotation org.opencontainers.image.ref.name calls @name, the last
 * one when several do, or NULL. */
const struct descriptor *index_find_name(const struct index *index, const char *name);

/* Returns this host's architecture as images name it, "amd64". */
const char *platform_host_architecture(void);
