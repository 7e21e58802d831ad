/* SPDX-License-Identifier: MIT */
#pragma once

/* Names of stored images: nothing but index.json changes. */

#include "image/store.h"

/* Calls the image @name @new_name as well; what was called so keeps its other names, or becomes an
 * image without a name. Returns the normalised name in *@ret_name and the digest in *@ret_digest,
 * owned by the caller. LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_INVALID_REFERENCE,
 * LXCRI_E_INVALID_ARGUMENT for a new name that is a digest. */
[[nodiscard]] int image_store_tag(struct image_store *store, const char *name, const char *new_name,
				  char **ret_name, char **ret_digest, struct lxcri_error *err);

/* Takes a name from its image, which stays, without a name if that was its last; of a digest, all
 * names. Returns the normalised name in *@ret_name and the digest in *@ret_digest, owned by the
 * caller. LXCRI_E_IMAGE_NOT_FOUND. */
[[nodiscard]] int image_store_untag(struct image_store *store, const char *name, char **ret_name,
				    char **ret_digest, struct lxcri_error *err);
