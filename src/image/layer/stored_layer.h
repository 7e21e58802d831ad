/* SPDX-License-Identifier: MIT */
#pragma once

/* The layers that stored images have. */

#include "base/fail.h"
#include "lxcri/layer.h"

/* Calls @each for every layer of an image below @data_dir, sorted by chain id. At most
 * @cache_entries records of unpacked layers are kept in memory meanwhile. */
[[nodiscard]] int stored_layers_list(const char *data_dir, size_t cache_entries,
				     lxcri_layer_info_fn each, void *userdata,
				     struct lxcri_error *err);
