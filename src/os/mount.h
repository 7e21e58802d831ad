/* SPDX-License-Identifier: MIT */
#pragma once

/* Mounts of a mount namespace of our own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Gives the calling process a mount namespace of its own. Mounts of the host still arrive in it,
 * its own never reach the host. 0 or -errno. */
[[nodiscard]] int mount_own_namespace(void);

/* Opens the file @path by way of a mount of its own that is read-only and nowhere to be seen: who
 * executes the fd cannot be overwritten through /proc/PID/exe. Returns an O_PATH fd, or -errno. */
[[nodiscard]] int mount_open_read_only(const char *path);

/* For whom a root file system is mounted: a user namespace without rights over devices. */
struct mount_owner {
	int userns;    /* maps the owners of files; -1: they are those on the disk */
	bool no_nodes; /* device files are not to be used */
};

/* An overlay: @lowers has the topmost first. Without @upper it is read-only. */
struct mount_overlay {
	const char *const *lowers;
	size_t n_lowers;
	const char *upper; /* or NULL; then @work is not used */
	const char *work;
	const struct mount_owner *owner; /* of what is in @lowers; NULL: the host's ids */
};

/* Mounts @overlay on the directory @target; a single lower without an upper is bound there
 * read-only. The names may hold any character. 0 or -errno. */
[[nodiscard]] int mount_overlay(const struct mount_overlay *overlay, const char *target);

/* Mounts the directory @source, which may be the same, on @target for @owner. 0 or -errno. */
[[nodiscard]] int mount_bind(const char *source, const char *target,
			     const struct mount_owner *owner);

/* Tells whether a mount of the directory @dir can have owners of the user namespace @userns: 0, or
 * -errno (-EINVAL where the file system can't). */
[[nodiscard]] int mount_can_map(const char *dir, int userns);

/* Mounts the dataset of ZFS @dataset, whose mountpoint is "legacy", for @owner (NULL: as it is).
 * The first yields a descriptor of its root, which is seen nowhere else and goes with it. 0, the
 * descriptor or -errno. */
[[nodiscard]] int mount_open_dataset(const char *dataset, const struct mount_owner *owner);
[[nodiscard]] int mount_dataset(const char *dataset, const char *target,
				const struct mount_owner *owner);

/* Returns the dataset that the directory @dir lies in, owned by the caller; NULL where it lies on
 * another file system than ZFS. */
[[nodiscard]] char *mount_find_dataset(const char *dir);

/* Mounts a tmpfs of at most @size_bytes on the directory @target with mode 0755. 0 or -errno. */
[[nodiscard]] int mount_tmpfs(const char *target, uint64_t size_bytes);
