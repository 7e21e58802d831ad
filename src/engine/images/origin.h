/* SPDX-License-Identifier: MIT */
#pragma once

/* Where an image that is to be converted comes from. */

#include "engine/images/manager.h"
#include "image/prepared/entry.h"

/* Brings the image @source, as lxcri_image_convert() takes it, into the store, unless it is there.
 * *@ret_digest is its manifest's, owned by the caller. An image that nobody has given a name gets
 * none, so that a collection takes it. */
[[nodiscard]] int origin_find(struct lxcri_image_manager *manager, const char *source,
			      char **ret_digest, struct lxcri_error *err);

/* Returns @source as it may be shown: without what an address can have of secrets, a user and what
 * follows a question mark. Owned by the caller. */
[[nodiscard]] char *origin_shown(const char *source);

/* Makes sure that @digest, which a locked or held entry keeps, is in the store with its layers
 * unpacked, and stays. LXCRI_E_IMAGE_NOT_FOUND. */
[[nodiscard]] int origin_keep(struct lxcri_image_manager *manager, const char *digest,
			      struct lxcri_error *err);
