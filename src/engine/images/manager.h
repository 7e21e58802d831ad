/* SPDX-License-Identifier: MIT */
#pragma once

/* The inside of struct lxcri_image_manager, shared by the files that make up lxcri/image.h. */

#include "engine/engine.h"
#include "image/prepared/entry.h"
#include "image/store.h"
#include "lxcri/image.h"

struct lxcri_image_manager {
	struct lxcri_engine *engine; /* borrowed */
	char *data;
	struct image_store *store;
	struct hold *holds; /* of what was prepared for this process */
	size_t n_holds;
};

/* Gives all of manager->holds back. Safe to repeat. */
void manager_drop_holds(struct lxcri_image_manager *manager);
