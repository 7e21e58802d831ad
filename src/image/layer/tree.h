/* SPDX-License-Identifier: MIT */
#pragma once

/* The tree of one layer while it is written, in the form that overlayfs takes as a lower layer:
 * whiteouts are character devices 0:0, opaque directories carry trusted.overlay.opaque. Everything
 * happens below one directory descriptor; a symlink of the layer is followed inside that root only,
 * and never as the last component. A later entry of a layer replaces an earlier one. */

#include "base/fail.h"
#include "image/layer/budget.h"
#include "image/layer/layer_path.h"

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* Borrowed from whoever read the entry. */
struct tree_xattr {
	const char *name;
	const void *value;
	size_t size;
};

/* What an entry says about itself. Zeroed is a file of root's without any right. */
struct tree_attributes {
	mode_t mode; /* type and permissions */
	uid_t uid;
	gid_t gid;
	dev_t device;
	struct timespec times[2]; /* as utimensat() takes them */
	struct tree_xattr *xattrs;
	size_t n_xattrs;
};

struct tree;

/* Starts a tree in the empty directory @rootfd, which is borrowed and outlives it. The caller owns
 * what this returns. */
[[nodiscard]] struct tree *tree_create(int rootfd, struct budget *budget);

/* Frees @tree; NULL is fine. */
void tree_free(struct tree *tree);
DEFINE_AUTOPTR(tree)

/* Each of these fails with LXCRI_E_EXTRACT_FAILED where the layer asks for what can't be, and with
 * LXCRI_E_STORAGE_ERROR where the disk is full or fails. Directories that an entry presupposes
 * are made. */

/* Sets what the root itself is like; @attributes must be those of a directory. */
[[nodiscard]] int tree_set_root(struct tree *tree, const struct tree_attributes *attributes,
				struct lxcri_error *err);

/* Makes the directory at @path, or changes the attributes of the one that is there. */
[[nodiscard]] int tree_make_dir(struct tree *tree, const struct layer_path *path,
				const struct tree_attributes *attributes, struct lxcri_error *err);

/* Makes an empty regular file and opens it for writing; the caller owns *@ret_fd. */
[[nodiscard]] int tree_make_file(struct tree *tree, const struct layer_path *path, int *ret_fd,
				 struct lxcri_error *err);

/* Sets the attributes of a file that has its content. */
[[nodiscard]] int tree_finish_file(int fd, const struct layer_path *path,
				   const struct tree_attributes *attributes,
				   struct lxcri_error *err);

/* Makes a symlink; @target is never looked at. */
[[nodiscard]] int tree_make_symlink(struct tree *tree, const struct layer_path *path,
				    const char *target, const struct tree_attributes *attributes,
				    struct lxcri_error *err);

/* Makes a device or a fifo. */
[[nodiscard]] int tree_make_node(struct tree *tree, const struct layer_path *path,
				 const struct tree_attributes *attributes, struct lxcri_error *err);

/* Makes a further name for @target, which must be in this layer. */
[[nodiscard]] int tree_make_link(struct tree *tree, const struct layer_path *path,
				 const struct layer_path *target, struct lxcri_error *err);

/* Hides what the layers below have at @path. What this layer has there stays. */
[[nodiscard]] int tree_hide(struct tree *tree, const struct layer_path *path,
			    struct lxcri_error *err);

/* Hides all that the layers below have in the directory path->dir. */
[[nodiscard]] int tree_hide_below(struct tree *tree, const struct layer_path *path,
				  struct lxcri_error *err);

/* Ends the tree once all entries are in: gives the directories their times, and those that no entry
 * described the attributes that the topmost of @lower_fds (roots of the layers below, topmost
 * first) has for them, so that a layer which adds one file changes nothing but that file. */
[[nodiscard]] int tree_settle(struct tree *tree, const int *lower_fds, size_t n_lowers,
			      struct lxcri_error *err);
