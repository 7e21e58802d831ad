/* SPDX-License-Identifier: MIT */
#pragma once

/* The store of images, as the config has it. */

#include "engine/engine.h"
#include "image/store.h"

/* Opens the store of @data_dir with the registries and the number of workers that the config names.
 * That of the engine's own data directory has its images where the config says. The caller frees
 * *@ret_store. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int images_open(const struct lxcri_engine *engine, const char *data_dir,
			      struct image_store **ret_store, struct lxcri_error *err);
