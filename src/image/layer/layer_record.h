/* SPDX-License-Identifier: MIT */
#pragma once

/* What is known of an unpacked layer: layer.json beside its tree, which is written last. */

#include "image/layer/layer.h"
#include "image/layout.h"

/* Returns the record of the layer @chain_id (hexadecimal), read once and then kept in @cache; NULL
 * where it is not unpacked. Of one that can't be read all members are zero. Held: the caller gives
 * it back with lxcri_metadata_cache_release(). */
const struct lxcri_layer_record *layer_record_get(const struct layout *layout, const char *chain_id,
						  struct lxcri_metadata_cache *cache);

/* Writes @record into the directory @dir_fd of a layer. 0 or -errno. */
[[nodiscard]] int layer_record_write(int dir_fd, const struct lxcri_layer_record *record);
