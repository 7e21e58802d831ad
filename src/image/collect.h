/* SPDX-License-Identifier: MIT */
#pragma once

/* Removing what no image needs any more. */

#include "image/layout.h"

/* Appends what the entry @entry of an index leads to: names of blobs and of layers, hexadecimal.
 * What can't be read is an error, with what was found until then appended. */
[[nodiscard]] int collect_reach(const struct layout *layout, struct json_object *entry,
				struct strings *blobs, struct strings *layers,
				struct lxcri_error *err);

enum collect_part { COLLECT_BLOB, COLLECT_LAYER };

/* Zeroed: nothing is in use, everything is removed, nobody is told. */
struct collect_options {
	const struct strings *layers_in_use; /* absolute paths of fs directories */
	bool dry_run;                        /* tell, but remove nothing */
	uint64_t min_age_seconds;            /* layers that are younger stay */

	/* What containers have outside of their directories; NULL: not known, all of it stays. */
	const struct strings *roots_in_use;
	const char *dataset; /* of ZFS, below which layers have theirs; or NULL */

	/* Called for each thing before it goes, with what it takes on the disk; or NULL. @name is
	 * the digest or the chain id, hexadecimal. */
	void (*removing)(void *userdata, enum collect_part part, const char *name, uint64_t bytes);
	void *userdata;
};

/* Removes what was fetched from registries an hour ago or more and was never taken in. */
[[nodiscard]] int collect_downloads(const struct layout *layout,
				    const struct collect_options *options, struct lxcri_error *err);

/* Removes every blob that nothing in @index leads to, and every layer that belongs to none of its
 * images and is not in use, and what repairs have put aside. The lock is held, and @index is what
 * is on disk (or, with dry_run, will be). When a document of an image that stays can't be read,
 * nothing is removed. */
[[nodiscard]] int collect_garbage(const struct layout *layout, struct json_object *index,
				  const struct collect_options *options, struct lxcri_error *err);
