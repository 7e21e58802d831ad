/* SPDX-License-Identifier: MIT */
/* Subvolumes of btrfs, by its ioctls. */

#include "os/storage/btrfs.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* The inode that the root of each subvolume has. */
#define ROOT_INODE 256

bool btrfs_has(int fd)
{
	struct statfs status;

	return fstatfs(fd, &status) == 0 && status.f_type == BTRFS_SUPER_MAGIC;
}

bool btrfs_is_subvolume(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_ino == ROOT_INODE && S_ISDIR(status.st_mode) &&
	       btrfs_has(fd);
}

int btrfs_is_read_only(int fd)
{
	__u64 flags;

	if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
		return -errno;
	return (flags & BTRFS_SUBVOL_RDONLY) != 0;
}

static int set_name(char *field, size_t size, const char *name)
{
	size_t length = strlen(name);

	if (length >= size)
		return -ENAMETOOLONG;
	memcpy(field, name, length + 1);
	return 0;
}

int btrfs_create(int dirfd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = {};
	int r = set_name(args.name, sizeof(args.name), name);

	return r < 0 ? r : ioctl(dirfd, BTRFS_IOC_SUBVOL_CREATE_V2, &args) < 0 ? -errno : 0;
}

int btrfs_snapshot(int source, int dirfd, const char *name, enum btrfs_access access)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = source };
	int r = set_name(args.name, sizeof(args.name), name);

	if (access == BTRFS_READ_ONLY)
		args.flags |= BTRFS_SUBVOL_RDONLY;
	return r < 0 ? r : ioctl(dirfd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -errno : 0;
}

int btrfs_allow_writing(int fd)
{
	__u64 flags;

	if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
		return -errno;
	if (!(flags & BTRFS_SUBVOL_RDONLY))
		return 0;
	flags &= ~(__u64)BTRFS_SUBVOL_RDONLY;
	return ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) < 0 ? -errno : 0;
}

int btrfs_destroy(int dirfd, const char *name)
{
	struct btrfs_ioctl_vol_args args = {};
	int r = set_name(args.name, sizeof(args.name), name);

	return r < 0 ? r : ioctl(dirfd, BTRFS_IOC_SNAP_DESTROY, &args) < 0 ? -errno : 0;
}
