/* SPDX-License-Identifier: MIT */
#pragma once

/* Datasets of ZFS, through libzfs_core, which is loaded at the first call and talks to the kernel
 * only. All return 0 or -errno. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Gets hold of library and kernel module. -ENOPKG without the library, -ENODEV or another -errno
 * without the module. */
[[nodiscard]] int zfs_open(void);

/* Tells whether there is a dataset or snapshot @name; false where ZFS cannot be had. */
bool zfs_exists(const char *name);

/* Makes the snapshot @name ("DATASET@SNAPSHOT"), after which all in it is on the disk. */
[[nodiscard]] int zfs_snapshot(const char *name);

/* A property: a user's, "MODULE:PROPERTY", with a text, or one of ZFS itself with the number that
 * the kernel knows its value by. */
struct zfs_property {
	const char *name;
	const char *value; /* NULL: it is @number */
	uint64_t number;
};

/* Numbers of values of "acltype" and "xattr". */
#define ZFS_ACLTYPE_POSIX 1
#define ZFS_XATTR_SA      2

/* Makes @name, which has the @count @properties from its first moment, a clone of the snapshot
 * @origin. It is mounted nowhere. */
[[nodiscard]] int zfs_clone(const char *origin, const char *name,
			    const struct zfs_property *properties, size_t count);

/* Gives the dataset @from the name @to, in the same pool: -EEXIST where that is there. */
[[nodiscard]] int zfs_rename(const char *from, const char *to);

/* Destroys the dataset or snapshot @name, alone: -EBUSY while it is mounted or has snapshots,
 * -EEXIST while others depend on it. */
[[nodiscard]] int zfs_destroy(const char *name);
