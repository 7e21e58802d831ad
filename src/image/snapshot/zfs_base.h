/* SPDX-License-Identifier: MIT */
#pragma once

/* The dataset below which all is ours, and how ours are known: by properties that each has itself.
 *
 *	<base>                     org.proxmox-lxcri:data = the data directory that it belongs to
 *	<base>/layers/<chain id>   org.proxmox-lxcri:kind = layer; whole once it has @ready
 *	<base>/containers/<key>    org.proxmox-lxcri:kind = container
 *
 * Nothing without them is ever written, mounted or destroyed. */

#include "base/fail.h"
#include "image/snapshot/snapshot.h"

#define ZFS_BASE_KIND  "org.proxmox-lxcri:kind"
#define ZFS_BASE_READY "@ready"

/* Tells whether @name can be that of a dataset below a pool, with room for those below it. */
bool zfs_base_is_name(const char *name);

/* Checks that ZFS and the place's dataset can be had. Returns 1, or 0 where the dataset is not
 * there yet, but can be made. LXCRI_E_UNSUPPORTED_OPERATION without ZFS, LXCRI_E_INVALID_CONFIG for
 * what is no name, LXCRI_E_ZFS_ERROR where it is not ours. */
[[nodiscard]] int zfs_base_check(const struct snapshot_place *place, struct lxcri_error *err);

/* Makes the dataset with what is always below it, as far as it is missing. The store's lock must be
 * held. */
[[nodiscard]] int zfs_base_make(const struct snapshot_place *place, struct lxcri_error *err);

/* Lists the full names of our datasets of @kind below @parent. */
[[nodiscard]] int zfs_base_list(const char *parent, const char *kind, struct strings *names,
				struct lxcri_error *err);

/* Destroys @name if it is one of ours of @kind, with its snapshots. One that is not there is fine;
 * what is still mounted gets a moment. LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int zfs_base_destroy(const char *name, const char *kind, struct lxcri_error *err);
