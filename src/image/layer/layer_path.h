/* SPDX-License-Identifier: MIT */
#pragma once

/* The name of one tar entry of a layer, and what it asks for. Names come from outside: nothing of
 * them reaches the file system that did not pass here. */

#include "base/fail.h"
#include "base/scope.h"

/* As long as the kernel takes a path and a name. */
#define LAYER_PATH_MAX 4095
#define LAYER_NAME_MAX 255
/* Far beyond what packages hold, and few enough to be removed with one descriptor a level. */
#define LAYER_DEPTH_MAX 256

enum layer_path_kind {
	LAYER_ROOT,     /* the root directory itself */
	LAYER_NODE,     /* a file of whatever type */
	LAYER_WHITEOUT, /* "name" of the layers below is gone */
	LAYER_OPAQUE,   /* all that the layers below have in "dir" is gone */
	LAYER_IGNORED,  /* bookkeeping of aufs */
};

/* Zeroed is empty. */
struct layer_path {
	enum layer_path_kind kind;
	char *dir;  /* "" for the root, else "a/b": no "." or "..", no empty component */
	char *name; /* one component; NULL for LAYER_ROOT, LAYER_OPAQUE and LAYER_IGNORED */
};

/* Reads @raw as a name below the root of the layer; a leading slash means that root, as it does to
 * other engines. LXCRI_E_EXTRACT_FAILED for "..", for a component that is too long or a malformed
 * whiteout, LXCRI_E_LIMIT_EXCEEDED for length and depth. */
[[nodiscard]] int layer_path_parse(const char *raw, struct layer_path *ret_path,
				   struct lxcri_error *err);

/* Reads @raw as the target of a hard link: the same rules, but whiteouts are plain names. */
[[nodiscard]] int layer_path_parse_link(const char *raw, struct layer_path *ret_path,
					struct lxcri_error *err);

/* Frees what @path holds. Safe to repeat. */
void layer_path_finish(struct layer_path *path);
