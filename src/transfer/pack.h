/* SPDX-License-Identifier: MIT */
#pragma once

/* A tree below a root as a tar stream. Whoever owns the tree may change it meanwhile: each name is
 * opened without following a link, looked at, and only what proved to be a file or a directory is
 * opened for reading. */

#include "base/fail.h"
#include "transfer/copy_ids.h"

#include <stdbool.h>

struct pack_options {
	int root;         /* borrowed */
	const char *path; /* seen from inside the root */
	bool follow;      /* a symlink at the end of the path stands for what it leads to */
	struct copy_ids uids;
	struct copy_ids gids;
};

/* Writes what is at the path to @out, under its last name, or under "." when it has none or ends
 * in "/.". Devices and fifos are written as such, sockets are left out with a warning, the content
 * of file systems that the kernel makes up is left out. Of extended attributes only capabilities
 * are written. Gives up the rights that this does not need. LXCRI_E_PATH_NOT_FOUND,
 * LXCRI_E_INVALID_ARGUMENT for what cannot be copied, LXCRI_E_LIMIT_EXCEEDED,
 * LXCRI_E_COPY_FAILED. */
[[nodiscard]] int pack_tree(const struct pack_options *options, int out, struct lxcri_error *err);
