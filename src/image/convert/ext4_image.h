/* SPDX-License-Identifier: MIT */
#pragma once

/* An ext4 file system in a file. */

#include "base/fail.h"

#include <stdint.h>

/* Makes the file @fd, which is borrowed, an empty file system of @size_bytes with room for @inodes
 * files, by mke2fs. LXCRI_E_CONVERSION_FAILED, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int ext4_image_make(int fd, uint64_t size_bytes, uint64_t inodes,
				  struct lxcri_error *err);

/* Mounts it, where nobody else sees it: the mount has no place, and goes with its last descriptor.
 * Returns one for its root directory, owned by the caller. LXCRI_E_MOUNT_FAILED. */
[[nodiscard]] int ext4_image_mount(int fd, struct lxcri_error *err);

/* Writes out and unmounts what is mounted at @ret_root, which becomes -1. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int ext4_image_unmount(int *ret_root, struct lxcri_error *err);
