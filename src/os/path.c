/* SPDX-License-Identifier: MIT */
/* Names below a directory that is held open. */

#include "os/path.h"

#include "base/calls.h"
#include "base/mem.h"
#include "base/scope.h"
#include "os/storage/btrfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int open_how(int dirfd, const char *path, uint64_t flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = resolve,
	};
	long fd;

	/* EAGAIN: a rename or mount raced the walk and the kernel could not tell whether it stayed
	 * inside; trying again is what openat2(2) asks for. */
	for (int tries = 0; tries < 100; tries++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int path_open_in(int rootfd, const char *path, uint64_t flags)
{
	return open_how(rootfd, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_create_in(int rootfd, const char *path, uint64_t flags, mode_t mode)
{
	return open_how(rootfd, path, flags | O_CREAT, mode,
			RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_plain(int dirfd, const char *path, uint64_t flags)
{
	return open_how(dirfd, path, flags, 0, RESOLVE_NO_SYMLINKS);
}

/* Makes the one directory @name in @dirfd; an existing one is as good. */
static int make_dir(int dirfd, const char *name, mode_t mode)
{
	if (mkdirat(dirfd, name, mode) < 0)
		return errno == EEXIST ? 0 : -errno;

	/* The umask may have taken bits away. The name cannot have become a link unless somebody
	 * races us in a directory that only we and the container write; then fchmodat fails. */
	autoclose int made = open_how(dirfd, name, O_DIRECTORY | O_RDONLY | O_NOFOLLOW, 0,
				      RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);

	if (made < 0)
		return made;
	return fchmod(made, mode) < 0 ? -errno : 0;
}

/* Opens the longest existing prefix piece by piece: each component is resolved from @rootfd as the
 * path so far, so that symlinks inside the root work and lead nowhere else. */
int path_make_dirs_in(int rootfd, const char *path, mode_t mode)
{
	autofree char *so_far = xzalloc(strlen(path) + 2);
	autoclose int dir = path_open_in(rootfd, ".", O_PATH | O_DIRECTORY);
	size_t length = 0;

	if (dir < 0)
		return dir;
	for (const char *rest = path + strspn(path, "/"); *rest;) {
		size_t piece = strcspn(rest, "/");
		autofree char *name = xstrndup(rest, piece);

		so_far[length++] = '/';
		memcpy(so_far + length, rest, piece);
		length += piece;
		rest += piece;
		rest += strspn(rest, "/");

		autoclose int next = path_open_in(rootfd, so_far, O_PATH | O_DIRECTORY);

		if (next == -ENOENT) {
			int r = make_dir(dir, name, mode);

			if (r < 0)
				return r;
			next = path_open_in(rootfd, so_far, O_PATH | O_DIRECTORY);
		}
		if (next < 0)
			return next;
		closep(&dir);
		dir = steal_fd(&next);
	}
	return steal_fd(&dir);
}

int path_make_dirs(const char *path, mode_t mode)
{
	autofree char *copy = xstrdup(path);

	for (char *slash = copy; slash; slash = strchr(slash + 1, '/')) {
		char *next = strchr(slash + 1, '/');

		if (next)
			*next = '\0';

		struct stat status;

		if (*copy && stat(copy, &status) < 0) {
			if (errno != ENOENT)
				return -errno;
			if (mkdir(copy, mode) < 0 && errno != EEXIST)
				return -errno;
			if (chmod(copy, mode) < 0)
				return -errno;
		} else if (*copy && !S_ISDIR(status.st_mode)) {
			return -ENOTDIR;
		}
		if (next)
			*next = '/';
	}
	return 0;
}

static int remove_entries(int dirfd, dev_t device);

/* Tells whether something is mounted where @dir is; where that cannot be told it counts as such. */
static bool is_mount(int dir)
{
	struct statx status;

	return statx(dir, "", AT_EMPTY_PATH, 0, &status) < 0 ||
	       !(status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	       (status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Removes the subvolume @name, which is @dir, at once. One that has others below it stays, and its
 * entries can be removed then, also of one that a container has made read-only. */
static bool remove_subvolume(int parent, const char *name, int dir)
{
	(void)btrfs_allow_writing(dir);
	return btrfs_destroy(parent, name) == 0;
}

/* Removes the directory @name, known to be one. A subvolume has a device of its own. */
static int remove_dir(int parent, const char *name, dev_t device)
{
	autoclose int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	int first = 0;

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(dir, &status) < 0)
		return -errno;
	if (btrfs_is_subvolume(dir) && !is_mount(dir)) {
		if (remove_subvolume(parent, name, dir))
			return 0;
		device = status.st_dev;
	}
	if (status.st_dev != device)
		return -EXDEV;
	first = remove_entries(steal_fd(&dir), device);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT && first == 0)
		first = -errno;
	return first;
}

/* Removes all entries of @dirfd, which this call owns. */
static int remove_entries(int dirfd, dev_t device)
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

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd, entry->d_name, 0) < 0 && errno != ENOENT)
			r = errno == EISDIR ? remove_dir(dirfd, entry->d_name, device) : -errno;
		if (first == 0)
			first = r;
	}
	(void)closedir(dir);
	return first;
}

int path_exists(const char *path)
{
	if (access(path, F_OK) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

int path_remove_tree(int dirfd, const char *name)
{
	struct stat status;

	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(status.st_mode))
		return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	return remove_dir(dirfd, name, status.st_dev);
}

/* Appends the names that @wanted chooses in the directory @dirfd, which this call owns. */
static int list_consume(int dirfd, bool (*wanted)(const char *name), struct strings *names)
{
	DIR *stream = dirfd < 0 ? NULL : fdopendir(dirfd);

	if (!stream) {
		int r = -errno;

		closep(&dirfd);
		return r;
	}
	for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream))
		if (wanted(entry->d_name))
			strings_add(names, entry->d_name);
	(void)closedir(stream);
	return 0;
}

static bool is_entry(const char *name)
{
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool is_shown(const char *name)
{
	return *name != '.';
}

int path_list_names(int dirfd, struct strings *names)
{
	return list_consume(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), is_entry,
			    names);
}

int path_list_shown(const char *path, struct strings *names)
{
	int r = list_consume(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), is_shown, names);

	return r == -ENOENT ? 0 : r;
}

bool path_has_shown(const char *path)
{
	autorun(strings_finish) struct strings names = {};

	return path_list_shown(path, &names) == 0 && names.count > 0;
}
