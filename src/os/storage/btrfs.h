/* SPDX-License-Identifier: MIT */
#pragma once

/* Subvolumes of btrfs, by its ioctls. Names are those of one directory, not paths. */

#include <stdbool.h>

/* Tells whether the open file lies on btrfs. */
bool btrfs_has(int fd);

/* Tells whether the open directory is the root of a subvolume. */
bool btrfs_is_subvolume(int fd);

/* Tells whether the subvolume @fd is read-only: 1 or 0, or -errno. */
[[nodiscard]] int btrfs_is_read_only(int fd);

/* Makes the empty subvolume @name in the directory @dirfd. 0 or -errno. */
[[nodiscard]] int btrfs_create(int dirfd, const char *name);

enum btrfs_access { BTRFS_WRITABLE, BTRFS_READ_ONLY };

/* Makes @name in @dirfd a snapshot of the subvolume @source. It is there whole and on the disk, or
 * not at all. 0 or -errno. */
[[nodiscard]] int btrfs_snapshot(int source, int dirfd, const char *name, enum btrfs_access access);

/* Lets the subvolume @fd be changed, and so removed entry by entry. 0 or -errno. */
[[nodiscard]] int btrfs_allow_writing(int fd);

/* Removes the subvolume @name of @dirfd with all that is in it. 0 or -errno: -ENOTEMPTY where other
 * subvolumes are below it. */
[[nodiscard]] int btrfs_destroy(int dirfd, const char *name);
