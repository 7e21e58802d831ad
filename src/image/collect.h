/* SPDX-License-Identifier: MIT */
#pragma once

/* Removing what no image needs any more. */

#include "image/layout.h"

/* Removes every blob that nothing in @index leads to, and every layer that belongs to none of its
 * images and is not in @layers_in_use (absolute paths of fs directories; NULL for none). The lock
 * is held, and @index is what is on disk. When a document of an image that stays can't be read,
 * nothing is removed. */
[[nodiscard]] int collect_garbage(const struct layout *layout, struct json_object *index,
				  const struct strings *layers_in_use, struct lxcri_error *err);
