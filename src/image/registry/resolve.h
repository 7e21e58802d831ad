/* SPDX-License-Identifier: MIT */
#pragma once

/* From a reference to the manifest for this host. */

#include "image/registry/endpoint.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#include "base/sha256.h"

/* Zeroed is empty. */
struct resolved {
	char *bytes; /* of the manifest */
	size_t size;
	char hex[SHA256_HEX_SIZE];
	char *media_type;
	struct manifest *manifest;
};

/* A manifest or an index, as it came. Zeroed is empty. */
struct resolved_document {
	char *bytes; /* ended by a NUL that @size does not count */
	size_t size;
	char hex[SHA256_HEX_SIZE];
	char *media_type;
};

/* Asks @endpoint for the document @what, a tag or a digest, which is compared with its bytes then.
 * LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_INVALID_MEDIA_TYPE for what is neither,
 * LXCRI_E_INTEGRITY_CHECK_FAILED, and what fetch_all() fails with. The caller ends *@ret with
 * resolved_document_finish(). */
[[nodiscard]] int resolve_document(struct http *http, struct endpoint *endpoint, const char *what,
				   struct resolved_document *ret, struct lxcri_error *err);

/* Frees what @document holds. Safe to repeat. */
void resolved_document_finish(struct resolved_document *document);

/* Asks @endpoint for what @ref means and follows indexes, two deep, to the manifest for this host.
 * A digest of @ref is that of the first document. LXCRI_E_IMAGE_NOT_FOUND,
 * LXCRI_E_INVALID_MEDIA_TYPE, LXCRI_E_INTEGRITY_CHECK_FAILED, what manifest_parse() and fetch_all()
 * fail with. The caller ends *@ret with resolved_finish(). */
[[nodiscard]] int resolve(struct http *http, struct endpoint *endpoint, const struct image_ref *ref,
			  struct resolved *ret, struct lxcri_error *err);

/* Frees what @resolved holds. Safe to repeat. */
void resolved_finish(struct resolved *resolved);
