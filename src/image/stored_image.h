/* SPDX-License-Identifier: MIT */
#pragma once

/* One image of the store, as its documents tell of it. They are verified against their digests. */

#include "image/layout.h"
#include "image/store.h"
#include "oci/image_config.h"
#include "oci/manifest.h"

/* Zeroed is empty. */
struct stored_image {
	struct image image; /* without layer_dirs */
	struct manifest *manifest;
	struct image_config *config;
	struct strings chain_ids; /* hexadecimal, the lowest first */
};

/* Frees what @stored holds. Safe to repeat. */
void stored_image_finish(struct stored_image *stored);

/* Reads what the entry @entry of the index leads to. LXCRI_E_INTEGRITY_CHECK_FAILED and what the
 * parsers fail with. */
[[nodiscard]] int stored_image_read(const struct layout *layout, struct json_object *entry,
				    struct stored_image *ret, struct lxcri_error *err);

/* Finds the image @name of @store, whose layout is open, as image_store_get() describes it, and
 * reads it, whether its layers are unpacked or not. LXCRI_E_IMAGE_NOT_FOUND. */
[[nodiscard]] int stored_image_find(const struct image_store *store, const struct layout *layout,
				    const char *name, struct stored_image *ret,
				    struct lxcri_error *err);

/* Makes an entry for the manifest @digest that no name is left for: whoever imported it last still
 * gets it, though another import has taken the name since. Owned by the caller; NULL when it is not
 * stored. */
[[nodiscard]] struct json_object *stored_image_unlisted(const struct layout *layout,
							const char *digest);
