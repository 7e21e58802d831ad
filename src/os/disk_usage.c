/* SPDX-License-Identifier: MIT */
/* What trees of files take on the disk. */

#include "os/disk_usage.h"

#include "base/mem.h"
#include "base/scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK_BYTES 512 /* of st_blocks, whatever the file system */

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

static void count(struct disk_usage *usage, const struct stat *status)
{
	if (!S_ISDIR(status->st_mode) && status->st_nlink > 1 && was_seen(usage, status))
		return;
	usage->bytes += (uint64_t)status->st_blocks * BLOCK_BYTES;
	usage->files++;
}

static int add_entries(struct disk_usage *usage, int dirfd, dev_t device);

static int add_one(struct disk_usage *usage, int dirfd, const char *name, dev_t device)
{
	struct stat status;

	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (device != 0 && status.st_dev != device)
		return 0;
	count(usage, &status);
	if (!S_ISDIR(status.st_mode))
		return 0;

	int dir = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	return add_entries(usage, dir, status.st_dev);
}

/* Adds all entries of @dirfd, which this call owns. */
static int add_entries(struct disk_usage *usage, int dirfd, dev_t device)
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
			r = add_one(usage, dirfd, entry->d_name, device);
		if (first == 0)
			first = r;
	}
	(void)closedir(dir);
	return first;
}

int disk_usage_add(struct disk_usage *usage, int dirfd, const char *name)
{
	return add_one(usage, dirfd, name, 0);
}

void disk_usage_finish(struct disk_usage *usage)
{
	tdestroy(usage->seen, free);
	usage->seen = NULL;
}
