/* SPDX-License-Identifier: MIT */
#pragma once

/* Copying one file with all that belongs to it, between directories that are held open. */

#include <sys/stat.h>

/* The files of one tree that have several names, by inode, and where their copies are below
 * @root_fd, which is borrowed. */
struct copy_links {
	int root_fd;
	void *tree;
};

/* Frees what @links holds. Safe to repeat. */
void copy_links_finish(struct copy_links *links);

/* Returns where the file with @status was noted before, borrowed; else notes it at @path, if it has
 * several names, and returns NULL. */
const char *copy_links_note(struct copy_links *links, const struct stat *status, const char *path);

/* Copies owner, mode, extended attributes (but those of overlayfs) and times of an open file or
 * directory. Returns 0 or -errno. */
[[nodiscard]] int copy_attributes(int from, int to);

/* Copies @name, anything but a directory, of @from to @to, where it must not be yet; @status is its
 * own, and @path where the copy is below links->root_fd. A file that @links knows becomes a hard
 * link of its copy. Returns 0 or -errno. */
[[nodiscard]] int copy_node(int from, int to, const char *path, const struct stat *status,
			    struct copy_links *links);

/* The same without a look at its other names. */
[[nodiscard]] int copy_node_as(int from, int to, const char *name, const struct stat *status);
