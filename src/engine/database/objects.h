/* SPDX-License-Identifier: MIT */
#pragma once

/* The rows of what was applied from manifests. */

#include "engine/database/database.h"

struct object_key {
	const char *kind;
	const char *name_space;
	const char *name;
};

/* Stores @document (JSON) with its revision, in place of one that is there, and keeps it as that
 * revision, with the ten before it. Within a transaction. */
[[nodiscard]] int objects_put(struct database *database, const struct object_key *key,
			      const char *document, int64_t revision, struct lxcri_error *err);

/* Deletes it with its revisions; none is fine. */
[[nodiscard]] int objects_delete(struct database *database, const struct object_key *key,
				 struct lxcri_error *err);

/* Deletes one revision; none is fine. */
[[nodiscard]] int objects_delete_revision(struct database *database, const struct object_key *key,
					  int64_t revision, struct lxcri_error *err);

/* Called for each, once all have been read; all is valid during the call, which may change the
 * database. A value < 0 ends the walk and is the result; then @err is filled. */
typedef int (*object_row_fn)(void *userdata, const struct object_key *key, const char *document,
			     int64_t revision, struct lxcri_error *err);

/* Calls @each for those that match; members of @key that are NULL match all. Returns how many. */
[[nodiscard]] int objects_each(struct database *database, const struct object_key *key,
			       object_row_fn each, void *userdata, struct lxcri_error *err);

/* The same for the revisions of one, from the first on. */
[[nodiscard]] int objects_each_revision(struct database *database, const struct object_key *key,
					object_row_fn each, void *userdata,
					struct lxcri_error *err);
