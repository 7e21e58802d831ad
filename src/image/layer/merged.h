/* SPDX-License-Identifier: MIT */
#pragma once

/* The unpacked layers of an image seen as one tree, the way overlayfs would show it, without
 * mounting anything: an upper entry hides a lower one, a whiteout (character device 0:0) hides
 * what is below it, an opaque directory ends the merging. Nothing leads out of the layers: each
 * step is a single name, and symlinks are resolved within the merged tree. */

#include "base/strings.h"

#include <sys/stat.h>

/* A directory: its descriptors in the layers that have it, topmost first. Zeroed is empty. */
struct merged {
	int *fds;
	size_t count;
};

/* What a name in a directory is. */
struct merged_node {
	struct stat status; /* of the topmost entry */
	int layer;          /* borrowed: the parent directory in the layer that has this entry */
	struct merged dir;  /* filled for a directory */
};

/* Closes what @dir holds. Safe to repeat. */
void merged_finish(struct merged *dir);

/* Makes @ret the root of the merged tree whose layers @fds are, the topmost first; they are
 * borrowed and copied. Returns 0 or -errno. */
[[nodiscard]] int merged_init(struct merged *ret, const int *fds, size_t count);

/* Ends @node; safe to repeat. */
void merged_node_finish(struct merged_node *node);

/* Looks @name, a single component, up in @dir. Returns 0 or -errno (-ENOENT also when a whiteout
 * hides it). */
[[nodiscard]] int merged_child(const struct merged *dir, const char *name,
			       struct merged_node *ret_node);

/* Appends the names in @dir to @names, sorted and without repetition; hidden ones are left out. */
[[nodiscard]] int merged_list(const struct merged *dir, struct strings *names);

/* Opens the regular file at @path in the merged tree of @layer_dirs (topmost first) for reading.
 * Returns an fd, or -errno: -ENOENT, -EINVAL when it is something else, -ELOOP. */
[[nodiscard]] int merged_open_file(const struct strings *layer_dirs, const char *path);

/* Opens the directory at @path. Returns 0, or -errno: -ENOENT, -ENOTDIR, -ELOOP. */
[[nodiscard]] int merged_open_dir(const struct strings *layer_dirs, const char *path,
				  struct merged *ret_dir);
