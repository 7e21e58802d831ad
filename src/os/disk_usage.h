/* SPDX-License-Identifier: MIT */
#pragma once

/* What trees of files take on the disk: blocks, not lengths, so that a sparse file counts for what
 * it has; a file with several names counts once, whichever of the trees has them. */

#include <stdbool.h>
#include <stdint.h>

/* Zeroed is nothing counted yet. */
struct disk_usage {
	bool own_only; /* leave out blocks that other files share, and go into subvolumes of btrfs
			*/
	uint64_t bytes;
	uint64_t files; /* directories and everything else included */
	void *seen;     /* files with several names */
};

/* Adds @name below @dirfd with all below it, never crossing into another mount and never following
 * a symlink. What is absent, or goes meanwhile, adds nothing. 0 or the first -errno, having added
 * what could be. */
[[nodiscard]] int disk_usage_add(struct disk_usage *usage, int dirfd, const char *name);

/* Frees what @usage holds; its numbers stay. Safe to repeat. */
void disk_usage_finish(struct disk_usage *usage);
