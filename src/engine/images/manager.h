/* SPDX-License-Identifier: MIT */
#pragma once

/* The inside of struct lxcri_image_manager, shared by the files that make up lxcri/image.h. */

#include "engine/engine.h"
#include "image/store.h"
#include "lxcri/image.h"

struct lxcri_image_manager {
	struct lxcri_engine *engine; /* borrowed */
	char *data;
	struct image_store *store;
};
