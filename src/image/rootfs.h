/* SPDX-License-Identifier: MIT */
#pragma once

/* The root file system of a container where overlayfs can't be had: one directory with the layers
 * merged into it. */

#include "base/fail.h"
#include "base/strings.h"

#include <stdbool.h>

/* Merges @layer_dirs (topmost first, as image_store_get() gives them) into the directory @target,
 * which is made with what is missing above it, and must be empty if it is there. Whiteouts and
 * opaque directories take effect; owners, modes, times, extended attributes, hard links and holes
 * are kept. On failure @target is removed again. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int rootfs_prepare_dir(const struct strings *layer_dirs, const char *target,
				     struct lxcri_error *err);

/* Tells whether an overlay can be mounted with its upper directory below the directory @dir, which
 * must exist: it is tried, in a mount namespace of its own, and leaves nothing behind. */
bool rootfs_can_overlay(const char *dir);
