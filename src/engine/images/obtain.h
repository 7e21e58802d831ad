/* SPDX-License-Identifier: MIT */
#pragma once

/* The image that somebody wants, brought into the store first where that is asked for. */

#include "engine/engine.h"
#include "image/store.h"
#include "lxcri/pull.h"

struct image_wish {
	const char *reference; /* "oci:DIR[:TAG]", "oci-archive:…", …, or a name */
	enum lxcri_pull_policy pull;
	lxcri_pull_fn progress; /* or NULL */
	void *userdata;
};

/* Finds the image with its layers unpacked, which may take minutes. The caller ends *@ret_image.
 * LXCRI_E_IMAGE_NOT_FOUND and what bringing it in fails with. */
[[nodiscard]] int image_obtain(struct lxcri_engine *engine, const struct image_wish *wish,
			       struct image *ret_image, struct lxcri_error *err);
