/* SPDX-License-Identifier: MIT */
#pragma once

/* The file "dataset" in a directory: the name of the dataset that belongs to it. It is there before
 * the dataset is made, and until after it is destroyed, so that none is lost. */

#include "base/fail.h"

#include <stddef.h>

/* Writes that @name belongs to the directory @dir, which is borrowed; it is on the disk then. 0 or
 * -errno. */
[[nodiscard]] int zfs_note_write(int dir, const char *name);

/* Reads which dataset belongs to the directory @dir: *@ret_name, the caller's, is NULL where there
 * is none. 0, or -errno, -EINVAL for what cannot be a name of one of ours. */
[[nodiscard]] int zfs_note_read(const char *dir, char **ret_name);

/* Destroys what belongs to @dir, which must be of @kind. What is not there is fine.
 * LXCRI_E_STORAGE_ERROR, LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int zfs_note_destroy(const char *dir, const char *kind, struct lxcri_error *err);

/* Counts the clones of what belongs to @dir: with any it cannot be destroyed. Where its pool is not
 * there they count as one. LXCRI_E_STORAGE_ERROR, LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int zfs_note_count_clones(const char *dir, size_t *ret, struct lxcri_error *err);
