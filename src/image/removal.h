/* SPDX-License-Identifier: MIT */
#pragma once

/* Removing images. What containers stand on is asked for under the store's lock, after which no
 * image can come or go: what was asked before could be stale when something is removed. */

#include "image/collect.h"
#include "image/store.h"

/* What containers stand on. Zeroed is nothing. */
struct image_usage {
	struct strings layers;  /* absolute paths of fs directories */
	struct strings digests; /* of manifests */
	struct strings users;   /* users.items[i] was made from digests.items[i]; "": it is held */
	struct strings roots;   /* what they have outside of their directories, if... */
	bool has_roots;         /* that is known */
	bool is_awaited;        /* somebody is about to use an image that was used a moment ago */
	char *dataset;          /* of ZFS, where layers have theirs; or NULL */
};

/* Frees what @usage holds. Safe to repeat. */
void image_usage_finish(struct image_usage *usage);

/* Returns who uses the image @digest, borrowed, or NULL. */
const char *image_usage_find(const struct image_usage *usage, const char *digest);

/* Whom a removal asks and tells. */
struct removal_listener {
	/* Fills @usage in, and keeps it true until the removal returns. */
	int (*use)(void *userdata, struct image_usage *usage, struct lxcri_error *err);
	/* As in struct collect_options; or NULL. */
	void (*removed)(void *userdata, enum collect_part part, const char *name, uint64_t bytes);
	void (*failed)(void *userdata, enum collect_part part, const char *name, int errnum);
	/* Called for each entry that is gone from the index (with a dry run: that would be), with
	 * its name, or its digest where it has none; or NULL. */
	void (*removed_image)(void *userdata, const char *name, const char *digest);
	void *userdata;
};

/* Removes the image @name (a digest: with all its names), then of the blobs and layers that it led
 * to those that no name is left for and that are not in use. LXCRI_E_IMAGE_NOT_FOUND;
 * LXCRI_E_IMAGE_IN_USE when its last name would go while somebody uses it. */
[[nodiscard]] int removal_of_image(const struct image_store *store, const char *name,
				   const struct removal_listener *listener,
				   struct lxcri_error *err);

enum removal_extent {
	REMOVAL_NAMELESS, /* images without a name that nobody uses */
	REMOVAL_UNUSED,   /* all images that nobody uses */
};

/* What is swept away. Zeroed: what has no name, however short ago it was used. */
struct removal_sweep {
	enum removal_extent extent;
	uint64_t grace_seconds; /* what was used since stays */
	bool dry_run;           /* only tell */
};

/* Removes what nobody uses: images, then blobs and layers of no image; what was used longest ago
 * first. What can't be removed keeps nothing else, and the first failure is returned. */
[[nodiscard]] int removal_of_unused(const struct image_store *store,
				    const struct removal_sweep *sweep,
				    const struct removal_listener *listener,
				    struct lxcri_error *err);
