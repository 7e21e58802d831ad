/* SPDX-License-Identifier: MIT */
#pragma once

/* Where a copy goes: found once, below a root that it cannot lead out of, and then held. */

#include "base/fail.h"

#include <stdbool.h>

/* Either a directory that exists (`name` is NULL), or a name in one, which may exist but is neither
 * a directory nor a symlink. */
struct place {
	int dir; /* O_PATH */
	char *name;
	bool must_be_dir; /* the path ended in a slash */
};
#define PLACE_NULL ((struct place){ .dir = -1 })

/* Finds @path below @root. A symlink is followed, also one that leads to nothing yet. The directory
 * above a name that does not exist must: LXCRI_E_PATH_NOT_FOUND. Where something on the way is no
 * directory, LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int place_find(int root, const char *path, struct place *ret_place,
			     struct lxcri_error *err);

/* Frees what @place holds. Safe to repeat. */
void place_finish(struct place *place);

/* Returns the last name of @path, owned by the caller; NULL when it has none of its own: "/", "."
 * and "..". */
[[nodiscard]] char *place_name_of(const char *path);
