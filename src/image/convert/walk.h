/* SPDX-License-Identifier: MIT */
#pragma once

/* The merged tree of an image from its root down, each entry once and in the same order every time:
 * by name, what is in a directory right after it. */

#include "base/fail.h"
#include "image/copy.h"
#include "image/layer/merged.h"

/* An entry of the tree. */
struct walk_entry {
	const char *path; /* below the root: "etc/passwd"; "" for the root itself */
	const char *name; /* the last component; "" for the root itself */
	const struct stat *status;
	int dir;           /* that of the layer which has the entry; -1 for the root itself */
	int fd;            /* of a directory, open for reading; else -1 */
	const char *first; /* where the same file was met before, by another name; or NULL */
};

/* Who is told. Each returns 0, or -1 and the walk ends with that failure. */
struct walk_visitor {
	/* Called for each entry, for a directory before what is in it. */
	int (*enter)(void *userdata, const struct walk_entry *entry, struct lxcri_error *err);
	/* Called for each directory after what is in it; or NULL. */
	int (*leave)(void *userdata, const struct walk_entry *entry, struct lxcri_error *err);
	void *userdata;
};

/* Walks through the tree whose layers @fds are, the topmost first; they are borrowed. Sockets are
 * left out, with a warning. LXCRI_E_STORAGE_ERROR, LXCRI_E_LIMIT_EXCEEDED. */
[[nodiscard]] int walk_layers(const int *fds, size_t count, const struct walk_visitor *visitor,
			      struct lxcri_error *err);
