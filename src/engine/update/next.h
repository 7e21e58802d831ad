/* SPDX-License-Identifier: MIT */
#pragma once

/* What a container will be once it is updated: made beside what it is, and in force as soon as its
 * record is saved, which is one change of the database. */

#include "engine/container.h"
#include "engine/driver.h"
#include "image/store.h"

struct next {
	struct record record;
	char *dir;              /* made for it; or NULL */
	struct strings volumes; /* the same */
	bool in_force;
	struct strings check; /* the command of its health check; empty: none */
};

/* Removes what was made for it, unless it is in force, and frees what it holds. Safe to repeat. */
void next_discard(const struct lxcri_container *container, struct next *next);

/* What it is made from. */
struct next_source {
	const struct image *image;
	struct driver_choice storage;
	bool can_map; /* as driver_prepare() says */
};

/* Makes root file system, specification and record of @container for another image. The container's
 * lock and that of usages are held; both are kept until next_commit(). Fails as a creation does;
 * the caller ends *@ret_next with next_discard() in any case. */
[[nodiscard]] int next_prepare(struct lxcri_container *container, const struct next_source *source,
			       struct next *ret_next, struct lxcri_error *err);

/* The same for what the container was before its last update. LXCRI_E_INVALID_STATE where there is
 * no such. */
[[nodiscard]] int next_prepare_previous(const struct lxcri_container *container,
					struct next *ret_next, struct lxcri_error *err);

/* Puts it in force: @container has that record then, and next->record what it was. */
[[nodiscard]] int next_commit(struct lxcri_container *container, struct next *next,
			      struct lxcri_error *err);

/* Undoes that; the record's history says why. The container has stopped. */
[[nodiscard]] int next_revert(struct lxcri_container *container, struct next *next, const char *why,
			      struct lxcri_error *err);

/* Removes the root file systems that neither the record of @container nor the one before it name:
 * of updates that failed or were interrupted, and what the last one has replaced. The lock is held.
 * LXCRI_E_STORAGE_ERROR, LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int next_collect(struct lxcri_container *container, struct lxcri_error *err);

/* Appends the directories that next_collect() would remove; not those of the data directory itself.
 */
[[nodiscard]] int next_list_leftovers(const struct home *home, const struct record *record,
				      struct strings *dirs, struct lxcri_error *err);
