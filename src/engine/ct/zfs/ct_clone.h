/* SPDX-License-Identifier: MIT */
#pragma once

/* Root file systems of containers that are clones of an image's dataset, and share with it what
 * they have not changed. To Proxmox VE one is a volume of the container like any other, and goes
 * with it. */

#include "engine/container.h"
#include "engine/ct/ct_place.h"

#include <json-c/json.h>

/* What is to be made. All borrowed. */
struct ct_clone_wish {
	struct lxcri_container *container; /* whose record notes it */
	struct ct_place *place;            /* that of the record; with node */
	const char *storage;
	const char *digest; /* of the stored image, whose layers are unpacked and stay */
	bool is_unprivileged;
	uint64_t bytes; /* that it may hold */
};

/* Makes sure that the image has a dataset, so that a clone will be made at once. Returns 1, or 0
 * where none can be made: this host is not the node, the storage no pool of ZFS, or not shown to
 * us. Fails as ct_dataset_ensure(). */
[[nodiscard]] int ct_clone_prepare(const struct ct_clone_wish *wish, struct lxcri_error *err);

/* Makes one for the container of wish->place, which has its number, under a name that no other
 * volume has; before that it is noted in place and record, among its root file systems too. Yields
 * the volume, the caller's, which nothing names yet. Returns 1, or 0 as above; a failure leaves
 * nothing. LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int ct_clone_make(const struct ct_clone_wish *wish, char **ret_volume,
				struct lxcri_error *err);

/* Tells whether @volume is one that was noted, is there, and is the container's: 1 or 0.
 * LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int ct_clone_is_there(const struct ct_place *place, const char *volume,
				    struct lxcri_error *err);

/* Mounts @volume where Proxmox VE would at the container's start, so that its files can be had
 * before. What fails in that is left to Proxmox VE, and so is all while a dataset is made: the
 * container may be down for an update. */
void ct_clone_mount(const struct lxcri_container *container, const struct ct_place *place,
		    const char *volume);

/* Destroys those that were noted and came to nothing: neither @config, the container's, nor the
 * record nor the one before it names them. With NULL there is no container any more, and all go.
 * What is not the container's by its token stays. LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int ct_clone_collect(struct lxcri_container *container, struct ct_place *place,
				   struct json_object *config, struct lxcri_error *err);
