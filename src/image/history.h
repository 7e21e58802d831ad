/* SPDX-License-Identifier: MIT */
#pragma once

/* How an image came to be, as its config tells. */

#include "image/store.h"

/* One step. Texts are claims of the image's author, and NULL when absent; all are borrowed. */
struct image_step {
	int64_t created_ns; /* 0 = unknown */
	const char *created_by;
	const char *author;
	const char *comment;
	const char *digest;  /* of the layer's blob; NULL for a step that made none */
	uint64_t size_bytes; /* of that blob */
};

/* Calls @each for every step of the image @name, the newest first. A value < 0 ends it. Layers that
 * the history does not tell of are steps without texts. LXCRI_E_IMAGE_NOT_FOUND. */
[[nodiscard]] int image_store_history(struct image_store *store, const char *name,
				      int (*each)(void *userdata, const struct image_step *step),
				      void *userdata, struct lxcri_error *err);
