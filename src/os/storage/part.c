/* SPDX-License-Identifier: MIT */
/* Parts of directories. */

#include "os/storage/part.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/mount.h"
#include "os/path.h"
#include "os/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* It has nothing but places of mounts. */
#define PLACES_BYTES (UINT64_C(1) << 20)

/* Gives what was just made the owner and the mode of the whole. */
static int take_after(int whole, int fd)
{
	struct stat status;
	char name[32];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (fstat(whole, &status) < 0 ||
	    fchownat(fd, "", status.st_uid, status.st_gid, AT_EMPTY_PATH) < 0 ||
	    chmod(name, status.st_mode & 07777) < 0)
		return -errno;
	return 0;
}

/* Opens the part, one directory after the other: each that is missing is made. */
static int open_part(int whole, const char *path, enum part_missing missing)
{
	int fd = path_open_in(whole, path, O_PATH);

	if (fd != -ENOENT || missing == PART_LEAVE)
		return fd;
	for (const char *end = path; *end;) {
		autofree char *above = NULL;
		autoclose int there = -1;

		end += strspn(end, "/");
		end += strcspn(end, "/");
		above = xstrndup(path, (size_t)(end - path));
		there = path_open_in(whole, above, O_PATH | O_DIRECTORY);
		if (there == -ENOENT) {
			int r;

			there = path_make_dirs_in(whole, above, 0700);
			r = there < 0 ? there : take_after(whole, there);
			if (r < 0)
				return r;
		}
		if (there < 0)
			return there;
	}
	return path_open_in(whole, path, O_PATH);
}

/* Makes the place of a mount, of the kind that @status is of. */
static int make_place(int places, const char *name, const struct stat *status)
{
	if (S_ISDIR(status->st_mode)) {
		if (mkdirat(places, name, 0755) < 0)
			return -errno;
	} else {
		autoclose int file =
			openat(places, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		if (file < 0)
			return -errno;
	}
	return path_open_in(places, name, O_PATH);
}

static int mount_part(int places, size_t index, const char *directory, const char *path,
		      enum part_missing missing)
{
	autofree char *name = xformat("%zu", index);
	autoclose int whole = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int part = whole < 0 ? -errno : open_part(whole, path, missing);
	struct stat status;

	if (part == -ENOENT && missing == PART_LEAVE)
		return mkdirat(places, name, 0755) < 0 ? -errno : 0;
	if (part < 0)
		return part;
	if (fstat(part, &status) < 0)
		return -errno;
	if (S_ISLNK(status.st_mode))
		return -ELOOP;

	autoclose int tree = tree_clone(part, AT_RECURSIVE);
	autoclose int place = tree < 0 ? tree : make_place(places, name, &status);

	return place < 0 ? place : tree_attach(tree, place);
}

int part_mount_all(const char *places, const struct strings *pairs, enum part_missing missing,
		   size_t *ret_index)
{
	const struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	autoclose int dir = -1;
	int r;

	*ret_index = 0;
	if (pairs->count == 0)
		return 0;
	if (mkdir(places, 0700) < 0 && errno != EEXIST)
		return -errno;
	r = mount_tmpfs(places, PLACES_BYTES);
	if (r < 0)
		return r;
	dir = open(places, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return -errno;
	for (size_t i = 0; i + 1 < pairs->count; i += 2) {
		*ret_index = i / 2;
		r = mount_part(dir, i / 2, pairs->items[i], pairs->items[i + 1], missing);
		if (r < 0)
			return r;
	}
	return missing == PART_LEAVE ? tree_change(dir, 0, &read_only) : 0;
}
