/* SPDX-License-Identifier: MIT */
#pragma once

/* The dataset below which all is ours, and how ours are known: by properties that each has itself.
 *
 *	<base>                     org.proxmox-lxcri:data = the data directory that it belongs to
 *	<base>/layers/<chain id>   org.proxmox-lxcri:kind = layer; whole once it has @ready
 *	<base>/containers/<key>    org.proxmox-lxcri:kind = container
 *	<base>/prepared/<key>      org.proxmox-lxcri:kind = image; whole once it has @ready. One
 *	                           that was converted to lies where its user wanted it.
 *
 * Nothing without them is ever written, mounted or destroyed. */

#include "base/fail.h"
#include "image/snapshot/snapshot.h"

#define ZFS_BASE_KIND  "org.proxmox-lxcri:kind"
#define ZFS_BASE_IMAGE "image" /* such a kind */
#define ZFS_BASE_READY "@ready"
/* Of what all is below: the data directory that it belongs to. */
#define ZFS_BASE_DATA "org.proxmox-lxcri:data"
/* Of an image: its digest. */
#define ZFS_BASE_DIGEST "org.proxmox-lxcri:image"
/* The group that such are in which nobody named a place for. */
#define ZFS_BASE_PREPARED "prepared"

/* Of all that we make, as arguments of "zfs create": nobody but us mounts it, and nobody else's
 * snapshots are in the way of removing it. */
#define ZFS_BASE_PROPERTIES                                                                       \
	"-o", "mountpoint=legacy", "-o", "xattr=sa", "-o", "acltype=posixacl", "-o", "atime=off", \
		"-o", "com.sun:auto-snapshot=false"

/* The kernel takes 255 bytes, of which "@ready" has some; and "/layers/" with 64 digits is to be
 * below our topmost one. */
#define ZFS_BASE_NAME_BYTES_MAX     249
#define ZFS_BASE_TOP_NAME_BYTES_MAX 160

/* Tells whether @name can be that of a dataset below a pool, with at most @bytes_max bytes. */
bool zfs_base_is_name(const char *name, size_t bytes_max);

/* Checks that ZFS and the place's dataset can be had. Returns 1, or 0 where the dataset is not
 * there yet, but can be made. LXCRI_E_UNSUPPORTED_OPERATION without ZFS, LXCRI_E_INVALID_CONFIG for
 * what is no name, LXCRI_E_ZFS_ERROR where it is not ours. */
[[nodiscard]] int zfs_base_check(const struct snapshot_place *place, struct lxcri_error *err);

/* Makes the dataset with what is always below it, as far as it is missing. The store's lock must be
 * held. */
[[nodiscard]] int zfs_base_make(const struct snapshot_place *place, struct lxcri_error *err);

/* Makes the dataset @name below that of the place, which is there. The same lock must be held. */
[[nodiscard]] int zfs_base_make_group(const struct snapshot_place *place, const char *name,
				      struct lxcri_error *err);

/* Reads the value that @name itself has of @property, a user's: *@ret_value, the caller's, is NULL
 * where it has none. LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int zfs_base_read_own(const char *name, const char *property, char **ret_value,
				    struct lxcri_error *err);

/* Checks that @name is one of ours of @kind. LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int zfs_base_check_kind(const char *name, const char *kind, struct lxcri_error *err);

/* Opens the root directory of the dataset @name, which is mounted where nobody else sees it for as
 * long as that is open. LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int zfs_base_open(const char *name, int *ret_fd, struct lxcri_error *err);

/* Makes all that is in @name stay as it is in @name@ready, with which it is whole.
 * LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int zfs_base_finish(const char *name, struct lxcri_error *err);

/* Lists the full names of our datasets of @kind below @parent. */
[[nodiscard]] int zfs_base_list(const char *parent, const char *kind, struct strings *names,
				struct lxcri_error *err);

/* Destroys @name if it is one of ours of @kind, with its snapshots. One that is not there is fine;
 * what is still mounted gets a moment. LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int zfs_base_destroy(const char *name, const char *kind, struct lxcri_error *err);
