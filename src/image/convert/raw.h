/* SPDX-License-Identifier: MIT */
#pragma once

/* The tree of an image as a file with an ext4 file system. */

#include "base/fail.h"

#include <stddef.h>
#include <stdint.h>

/* What is under way. RAW_NULL is nothing. */
struct raw {
	const int *layers; /* borrowed, the topmost first */
	size_t n_layers;
	int fd;   /* of the file, borrowed */
	int root; /* of the mounted file system */
};
#define RAW_NULL ((struct raw){ .fd = -1, .root = -1 })

/* Makes the file system in the empty file raw->fd and mounts it: all that takes rights. It has
 * @size_bytes, or for 0 what the tree needs and some room. LXCRI_E_INVALID_SIZE,
 * LXCRI_E_CONVERSION_FAILED where the tree does not fit in, LXCRI_E_STORAGE_ERROR where the disk
 * has no room for it, LXCRI_E_MOUNT_FAILED. */
[[nodiscard]] int raw_prepare(struct raw *raw, uint64_t size_bytes, struct lxcri_error *err);

/* Fills and unmounts it. The file is whole then, but not flushed. */
[[nodiscard]] int raw_write(struct raw *raw, struct lxcri_error *err);

/* Unmounts what is mounted. Safe to repeat. */
void raw_finish(struct raw *raw);
