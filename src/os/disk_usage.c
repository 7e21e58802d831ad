/* SPDX-License-Identifier: MIT */
/* What trees of files take on the disk. */

#include "os/disk_usage.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/storage/btrfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define BLOCK_BYTES 512 /* of st_blocks, whatever the file system */

/* What is asked for at a time. */
#define EXTENTS 32

struct file_id {
	dev_t device;
	ino_t inode;
};

static int compare_ids(const void *a, const void *b)
{
	const struct file_id *left = a;
	const struct file_id *right = b;

	if (left->device != right->device)
		return left->device < right->device ? -1 : 1;
	return left->inode < right->inode ? -1 : left->inode > right->inode;
}

/* Tells whether the file was counted under another name, and remembers it. */
static int was_seen(struct disk_usage *usage, const struct stat *status)
{
	struct file_id *id = xnew(struct file_id);

	*id = (struct file_id){ .device = status->st_dev, .inode = status->st_ino };

	struct file_id *const *found = tsearch(id, &usage->seen, compare_ids);

	if (found && *found == id)
		return 0;
	free(id);
	return 1;
}

/* One file system on the way. */
struct ground {
	dev_t device;
	bool can_share; /* files may have blocks in common */
};

static struct ground ground_of(const struct disk_usage *usage, int dir, dev_t device)
{
	struct statfs status;
	bool can_share = usage->own_only && fstatfs(dir, &status) == 0 &&
			 (status.f_type == BTRFS_SUPER_MAGIC || status.f_type == XFS_SUPER_MAGIC);

	return (struct ground){ .device = device, .can_share = can_share };
}

/* Returns the bytes of @extents that are the file's alone. What lies inside of an inode is shared
 * with it, and little. */
static uint64_t own_bytes(const struct fiemap *map, uint64_t *ret_next, bool *ret_last)
{
	uint64_t bytes = 0;

	*ret_last = map->fm_mapped_extents == 0;
	for (unsigned int i = 0; i < map->fm_mapped_extents; i++) {
		const struct fiemap_extent *extent = &map->fm_extents[i];

		if (!(extent->fe_flags & (FIEMAP_EXTENT_SHARED | FIEMAP_EXTENT_DATA_INLINE)))
			bytes += extent->fe_length;
		*ret_next = extent->fe_logical + extent->fe_length;
		*ret_last = extent->fe_flags & FIEMAP_EXTENT_LAST;
	}
	return bytes;
}

/* Returns what of the file @name nothing else has, or @otherwise where that cannot be told. */
static uint64_t measure_own(int dirfd, const char *name, uint64_t otherwise)
{
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct {
		struct fiemap map;
		struct fiemap_extent extents[EXTENTS];
	} answer;
	uint64_t bytes = 0, next = 0;

	for (bool last = fd < 0; !last;) {
		answer.map = (struct fiemap){ .fm_start = next,
					      .fm_length = FIEMAP_MAX_OFFSET - next,
					      .fm_flags = FIEMAP_FLAG_SYNC,
					      .fm_extent_count = EXTENTS };
		if (ioctl(fd, FS_IOC_FIEMAP, &answer.map) < 0)
			return otherwise;
		bytes += own_bytes(&answer.map, &next, &last);
	}
	return fd < 0 ? otherwise : bytes;
}

static void count(struct disk_usage *usage, int dirfd, const char *name, const struct stat *status,
		  const struct ground *ground)
{
	uint64_t bytes = (uint64_t)status->st_blocks * BLOCK_BYTES;

	if (!S_ISDIR(status->st_mode) && status->st_nlink > 1 && was_seen(usage, status))
		return;
	if (ground && ground->can_share && S_ISREG(status->st_mode) && bytes > 0)
		bytes = measure_own(dirfd, name, bytes);
	usage->bytes += bytes;
	usage->files++;
}

static int add_entries(struct disk_usage *usage, int dirfd, const struct ground *ground);

static int add_dir(struct disk_usage *usage, int dirfd, const char *name, const struct stat *status,
		   const struct ground *ground)
{
	autoclose int dir = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct ground own;

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	if (ground && status->st_dev == ground->device)
		return add_entries(usage, steal_fd(&dir), ground);
	if (ground && !(usage->own_only && btrfs_is_subvolume(dir)))
		return 0;
	own = ground_of(usage, dir, status->st_dev);
	return add_entries(usage, steal_fd(&dir), &own);
}

static int add_one(struct disk_usage *usage, int dirfd, const char *name,
		   const struct ground *ground)
{
	struct stat status;

	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (ground && status.st_dev != ground->device && !S_ISDIR(status.st_mode))
		return 0;
	if (!ground || status.st_dev == ground->device)
		count(usage, dirfd, name, &status, ground);
	return S_ISDIR(status.st_mode) ? add_dir(usage, dirfd, name, &status, ground) : 0;
}

/* Adds all entries of @dirfd, which this call owns. */
static int add_entries(struct disk_usage *usage, int dirfd, const struct ground *ground)
{
	DIR *dir = fdopendir(dirfd);
	int first = 0;

	if (!dir) {
		int r = -errno;

		(void)close(dirfd);
		return r;
	}
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		int r = 0;

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = add_one(usage, dirfd, entry->d_name, ground);
		if (first == 0)
			first = r;
	}
	(void)closedir(dir);
	return first;
}

int disk_usage_add(struct disk_usage *usage, int dirfd, const char *name)
{
	return add_one(usage, dirfd, name, NULL);
}

void disk_usage_finish(struct disk_usage *usage)
{
	tdestroy(usage->seen, free);
	usage->seen = NULL;
}
