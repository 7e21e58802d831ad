/* SPDX-License-Identifier: MIT */
#pragma once

/* Copying trees between the host and a container. Two processes of lxcri-copy do it, with a tar
 * stream between them: one packs what it finds below the one root, the other unpacks below the
 * other. Neither can reach what lies outside its root, whoever renames or links what inside it
 * meanwhile, and each may only read or only write there. */

#include "base/fail.h"

#include <stdbool.h>

#define COPY_HELPER "lxcri-copy"
#define COPY_PACK   "pack"
#define COPY_UNPACK "unpack"

/* What lxcri-copy has besides its standard streams. */
#define COPY_ROOT_FD   3 /* the root directory; O_PATH suffices */
#define COPY_RESULT_FD 4 /* receives one struct lxcri_error, zeroed for success */

/* Letters of its argument FLAGS. */
#define COPY_FLAG_ARCHIVE 'a' /* owners, set-id bits and capabilities as they are */
#define COPY_FLAG_FOLLOW  'L' /* pack what a symlink leads to */
#define COPY_FLAG_STREAM  's' /* unpack any archive into a directory that exists */
#define COPY_FLAG_TOP     't' /* unpack: that directory becomes what the archive says of its top */

/* One end: a path below a root, or a stream. */
struct copy_end {
	int root;            /* the root directory, borrowed; -1: a stream */
	int stream;          /* borrowed: a tar archive, read from or written to */
	const char *path;    /* seen from inside the root; a relative one begins there as well */
	const char *uid_map; /* as copy_ids_parse() reads it; NULL: the host's own numbers */
	const char *gid_map;
};

struct copy_options {
	bool archive;
	bool follow;
	bool top; /* with a stream: the directory takes owner and mode that the archive has for "."
		   */
};

/* Copies @from to @to by the rules of cp: into a directory that exists under its own name, to a
 * name that does not exist under that; a source that ends in "/." stands for what is in it. At
 * most one end is a stream: one that is read is unpacked into the directory @to. A file appears
 * complete or not at all. Fails with LXCRI_E_PATH_NOT_FOUND, LXCRI_E_INVALID_ARGUMENT,
 * LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_EXTRACT_FAILED for a malformed archive, or
 * LXCRI_E_COPY_FAILED. */
[[nodiscard]] int copy_run(const struct copy_end *from, const struct copy_end *to,
			   const struct copy_options *options, struct lxcri_error *err);
