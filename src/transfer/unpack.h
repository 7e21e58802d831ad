/* SPDX-License-Identifier: MIT */
#pragma once

/* A tar stream as a tree below a root. Whoever owns the tree may change it meanwhile, and the
 * stream may say anything: each name of an entry is opened by itself, never through a symlink, so
 * that nothing is made outside of the destination. */

#include "base/fail.h"
#include "transfer/copy_ids.h"

#include <stdbool.h>

struct unpack_options {
	int root;         /* borrowed */
	const char *path; /* seen from inside the root */
	bool archive;     /* owners, set-id bits and capabilities as the stream has them */
	bool stream;      /* any archive, also a compressed one, for a directory that exists */
	bool top;         /* which becomes what the archive says of it */
	struct copy_ids uids;
	struct copy_ids gids;
};

/* Unpacks @in. Without `stream` its first entry is the source of a copy, and goes by the rules of
 * copy_run(). Without `archive` everything belongs to the root of @uids and @gids. Directories that
 * exist stay what they are; files and links are replaced, each by a rename once it is whole, but a
 * file that is a mount of its own is written in place. Devices are not made, which fails after
 * all else is done. Gives up the rights that this does not need. LXCRI_E_PATH_NOT_FOUND,
 * LXCRI_E_INVALID_ARGUMENT, LXCRI_E_EXTRACT_FAILED, LXCRI_E_LIMIT_EXCEEDED,
 * LXCRI_E_COPY_FAILED. */
[[nodiscard]] int unpack_tree(const struct unpack_options *options, int in,
			      struct lxcri_error *err);
