/* SPDX-License-Identifier: MIT */
#pragma once

/* Things that are to go, and how they go: what was used longest ago first. */

#include "image/collect.h"

/* One of them. */
struct victim {
	enum collect_part part;
	int dirfd; /* where it is; borrowed */
	const char *name;
	int64_t used_ns;
	int (*remove)(int dirfd, const char *name); /* 0 or -errno */
};

/* All of them. Zeroed is none. */
struct sweep {
	struct victim *items;
	size_t count;
};

/* Adds @victim, whose name is copied. */
void sweep_add(struct sweep *sweep, const struct victim *victim);

/* Removes all, or with a dry run tells of all. One that can't be removed is told as well and keeps
 * none of the others; the first is the failure that is returned. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int sweep_run(struct sweep *sweep, const struct layout *layout,
			    const struct collect_options *options, struct lxcri_error *err);

/* Frees what @sweep holds. Safe to repeat. */
void sweep_finish(struct sweep *sweep);
