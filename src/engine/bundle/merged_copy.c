/* SPDX-License-Identifier: MIT */
/* A directory of the merged tree, copied out. Every step is a single name in a directory that is
 * held open, on both sides, and new names are made exclusively: no symlink is ever followed. */

#include "engine/bundle/merged_copy.h"

#include "base/mem.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>

/* Deeper trees are refused: each level holds descriptors and stack. */
#define DEPTH_MAX 128

/* What one attribute, and the list of their names, may measure (linux/limits.h). */
#define XATTR_BYTES_MAX 65536

/* Tells whether an attribute belongs to the file rather than to how overlayfs stores it. */
static bool is_own_attribute(const char *name)
{
	return strncmp(name, "trusted.overlay.", 16) != 0 &&
	       strncmp(name, "user.overlay.", 13) != 0;
}

static int copy_attributes(int from, int to)
{
	autofree char *names = xcalloc(2, XATTR_BYTES_MAX);
	char *value = names + XATTR_BYTES_MAX;
	ssize_t size = flistxattr(from, names, XATTR_BYTES_MAX);

	if (size < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (char *name = names; name < names + size; name += strlen(name) + 1) {
		if (!is_own_attribute(name))
			continue;

		ssize_t length = fgetxattr(from, name, value, XATTR_BYTES_MAX);

		if (length < 0)
			return -errno;
		/* The volume may stand on a file system that knows fewer kinds. */
		if (fsetxattr(to, name, value, (size_t)length, 0) < 0 && errno != ENOTSUP)
			return -errno;
	}
	return 0;
}

/* Gives @to owner, mode, attributes and times of what @status and @from describe. The owner comes
 * first: changing it clears set-user-ID bits and file capabilities. */
static int copy_metadata(const struct stat *status, int from, int to)
{
	const struct timespec times[2] = { status->st_atim, status->st_mtim };

	if (fchown(to, status->st_uid, status->st_gid) < 0 ||
	    fchmod(to, status->st_mode & 07777) < 0)
		return -errno;

	int r = copy_attributes(from, to);

	if (r < 0)
		return r;
	return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_file(const struct merged_node *node, const char *name, int to_dir)
{
	autoclose int from = openat(node->layer, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int to = -1;

	if (from < 0)
		return -errno;
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	for (;;) {
		ssize_t sent = sendfile(to, from, NULL, 1 << 30);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		if (sent == 0)
			break;
	}
	return copy_metadata(&node->status, from, to);
}

static int copy_symlink(const struct merged_node *node, const char *name, int to_dir)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(node->layer, name, target, sizeof(target));

	if (size < 0)
		return -errno;
	if ((size_t)size == sizeof(target))
		return -ENAMETOOLONG;
	target[size] = '\0';
	if (symlinkat(target, to_dir, name) < 0 ||
	    fchownat(to_dir, name, node->status.st_uid, node->status.st_gid, AT_SYMLINK_NOFOLLOW) <
		    0)
		return -errno;
	return 0;
}

/* Makes a device or fifo. The directory is not yet anybody else's, so the name stays what it is. */
static int copy_special(const struct merged_node *node, const char *name, int to_dir)
{
	const struct stat *status = &node->status;

	if (mknodat(to_dir, name, (status->st_mode & S_IFMT) | 0600, status->st_rdev) < 0 ||
	    fchownat(to_dir, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(to_dir, name, status->st_mode & 07777, 0) < 0)
		return -errno;
	return 0;
}

static int copy_entries(const struct merged *dir, int to, unsigned int depth);

static int copy_dir(const struct merged_node *node, const char *name, int to_dir,
		    unsigned int depth)
{
	autoclose int to = -1;

	if (mkdirat(to_dir, name, 0700) < 0)
		return -errno;
	to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return -errno;

	int r = copy_entries(&node->dir, to, depth + 1);

	return r < 0 ? r : copy_metadata(&node->status, node->dir.fds[0], to);
}

static int copy_node(const struct merged_node *node, const char *name, int to, unsigned int depth)
{
	switch (node->status.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_dir(node, name, to, depth);
	case S_IFREG:
		return copy_file(node, name, to);
	case S_IFLNK:
		return copy_symlink(node, name, to);
	case S_IFSOCK:
		return 0;
	default:
		return copy_special(node, name, to);
	}
}

static int copy_entries(const struct merged *dir, int to, unsigned int depth)
{
	autorun(strings_finish) struct strings names = {};
	int r = depth > DEPTH_MAX ? -ELOOP : merged_list(dir, &names);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		autorun(merged_node_finish) struct merged_node node = {};

		r = merged_child(dir, names.items[i], &node);
		if (r == 0)
			r = copy_node(&node, names.items[i], to, depth);
	}
	return r;
}

int merged_copy(const struct merged *dir, int to)
{
	struct stat status;
	int r = copy_entries(dir, to, 0);

	if (r < 0)
		return r;
	if (dir->count == 0)
		return 0;
	if (fstat(dir->fds[0], &status) < 0)
		return -errno;
	return copy_metadata(&status, dir->fds[0], to);
}
