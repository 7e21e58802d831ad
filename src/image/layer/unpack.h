/* SPDX-License-Identifier: MIT */
#pragma once

/* One layer: its stream, read as a tar archive, written as a tree. */

#include "image/layer/stream.h"
#include "image/layer/tree.h"

/* Writes the entries of @stream into @tree and reads the stream to its end, so that its digests are
 * whole. Times and attributes that need the layers below are left to tree_settle().
 * LXCRI_E_EXTRACT_FAILED, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int unpack_layer(struct stream *stream, struct tree *tree, struct budget *budget,
			       struct lxcri_error *err);
