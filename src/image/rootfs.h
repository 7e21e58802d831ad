/* SPDX-License-Identifier: MIT */
#pragma once

/* Layers merged into one directory, and whether an overlay can do without that. */

#include "base/fail.h"
#include "base/strings.h"
#include "os/id_map.h"

#include <stdbool.h>

/* Merges @layer_dirs (topmost first, as image_store_get() gives them) into the directory @target,
 * which is made with what is missing above it, and must be empty if it is there. Whiteouts and
 * opaque directories take effect; owners, modes, times, extended attributes, hard links and holes
 * are kept, but owners become those that @owners has for them unless it is NULL. On failure @target
 * is removed again. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int rootfs_prepare_dir(const struct strings *layer_dirs, const char *target,
				     const struct id_map *owners, struct lxcri_error *err);

/* Merges the one layer @layer_dir in the same way into the directory @target, where all below it is
 * already. 0 or -errno. */
[[nodiscard]] int rootfs_merge_layer(const char *layer_dir, int target);

/* What a file system can carry. */
enum rootfs_overlay {
	ROOTFS_NO_OVERLAY,
	ROOTFS_OVERLAY,
	ROOTFS_MAPPED_OVERLAY, /* also one whose lowers have other owners than on the disk */
};

/* What the directory in which that is tried is called begins with. It is locked meanwhile. */
#define ROOTFS_TRIAL ".tmp-overlay-"

/* Finds what can be mounted with its directories below the directory @dir, which must exist: it is
 * tried, in a mount namespace of its own, and leaves nothing behind. */
enum rootfs_overlay rootfs_try_overlay(const char *dir);

/* Tells whether mounts of the directory @dir, or of the dataset @name of ZFS, can have owners of a
 * user namespace. */
bool rootfs_can_map(const char *dir);
bool rootfs_can_map_dataset(const char *name);
