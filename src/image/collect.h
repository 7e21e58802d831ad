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
	const struct strings *only; /* names of blobs and layers: nothing else goes; or NULL */
	bool dry_run;               /* tell, but remove nothing */
	uint64_t grace_seconds;     /* what was used since stays: access.h */

	/* What containers have outside of their directories; NULL: not known, all of it stays. */
	const struct strings *roots_in_use;
	const char *dataset; /* of ZFS, below which layers have theirs; or NULL */

	/* Called for each thing that is gone (with a dry run: that would be), with what it took on
	 * the disk; or NULL. @name is the digest or the chain id, hexadecimal. */
	void (*removed)(void *userdata, enum collect_part part, const char *name, uint64_t bytes);
	/* Called for each that could not be removed, with why as -errno; or NULL. */
	void (*failed)(void *userdata, enum collect_part part, const char *name, int errnum);
	void *userdata;
};

/* Removes what was fetched from registries an hour ago or more and was never taken in. */
[[nodiscard]] int collect_downloads(const struct layout *layout,
				    const struct collect_options *options, struct lxcri_error *err);

/* Removes every blob that nothing in @index leads to, and every layer that belongs to none of its
 * images and is not in use, and what repairs have put aside: what was used longest ago first. The
 * lock is held, and @index is what is on disk (or, with dry_run, will be). When a document of an
 * image that stays can't be read, nothing is removed; when something can't be removed, the rest is,
 * and the first failure is returned. */
[[nodiscard]] int collect_garbage(const struct layout *layout, struct json_object *index,
				  const struct collect_options *options, struct lxcri_error *err);
