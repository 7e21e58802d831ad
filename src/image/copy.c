/* SPDX-License-Identifier: MIT */
/* Copying one file with all that belongs to it. */

#include "image/copy.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <search.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>

/* The first copy of a file that has several names. */
struct link {
	dev_t device;
	ino_t inode;
	char *path;
};

static int compare_links(const void *a, const void *b)
{
	const struct link *left = a;
	const struct link *right = b;

	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	if (left->device != right->device)
		return left->device < right->device ? -1 : 1;
	return 0;
}

static void free_link(void *node)
{
	struct link *link = node;

	free(link->path);
	free(link);
}

void copy_links_finish(struct copy_links *links)
{
	tdestroy(links->tree, free_link);
	links->tree = NULL;
}

static int copy_xattr(int from, int to, const char *name)
{
	ssize_t size = fgetxattr(from, name, NULL, 0);

	if (size < 0 || size > XATTR_SIZE_MAX)
		return size < 0 ? -errno : -E2BIG;

	autofree char *value = xcalloc((size_t)size + 1, 1);

	size = fgetxattr(from, name, value, (size_t)size);
	if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) < 0)
		return -errno;
	return 0;
}

static int copy_xattrs(int from, int to)
{
	autofree char *names = xcalloc(XATTR_LIST_MAX, 1);
	ssize_t size = flistxattr(from, names, XATTR_LIST_MAX);

	if (size < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) {
		int r = text_starts_with(names + at, "trusted.overlay.")
				? 0
				: copy_xattr(from, to, names + at);

		if (r < 0)
			return r;
	}
	return 0;
}

int copy_attributes(int from, int to)
{
	struct stat status;
	int r;

	if (fstat(from, &status) < 0 || fchown(to, status.st_uid, status.st_gid) < 0 ||
	    fchmod(to, status.st_mode & 07777) < 0)
		return -errno;
	r = copy_xattrs(from, to);
	if (r < 0)
		return r;

	const struct timespec times[2] = { status.st_atim, status.st_mtim };

	return futimens(to, times) < 0 ? -errno : 0;
}

/* To another file system, where copy_file_range() does not lead since Linux 5.19. */
static int send_extent(int from, int to, off_t at, off_t end)
{
	if (lseek(to, at, SEEK_SET) < 0)
		return -errno;
	while (at < end) {
		ssize_t done = sendfile(to, from, &at, (size_t)(end - at));

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
	}
	return 0;
}

/* Copies from the offset @at as much as is no hole. */
static int copy_extent(int from, int to, off_t at, off_t end)
{
	off_t to_at = at;

	while (at < end) {
		ssize_t done = copy_file_range(from, &at, to, &to_at, (size_t)(end - at), 0);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EXDEV)
			return send_extent(from, to, at, end);
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
	}
	return 0;
}

static int copy_content(int from, int to, off_t size)
{
	off_t at = 0;

	/* Shares the blocks where the file system can. */
	if (size > 0 && ioctl(to, FICLONE, from) == 0)
		return 0;
	if (ftruncate(to, size) < 0)
		return -errno;
	while (at < size) {
		off_t data = lseek(from, at, SEEK_DATA);
		off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		int r;

		if (data < 0 && errno == ENXIO)
			return 0;
		if (hole < 0)
			return -errno;
		r = copy_extent(from, to, data, hole);
		if (r < 0)
			return r;
		at = hole;
	}
	return 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *status)
{
	autoclose int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int to =
		openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (from < 0 || to < 0)
		return -errno;
	r = copy_content(from, to, status->st_size);
	return r < 0 ? r : copy_attributes(from, to);
}

static int copy_symlink(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);

	if (length < 0)
		return -errno;
	target[length] = '\0';
	return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_special(int from, int to, const char *name, const struct stat *status)
{
	const struct timespec times[2] = { status->st_atim, status->st_mtim };
	int r = 0;

	if (S_ISLNK(status->st_mode))
		r = copy_symlink(from, to, name);
	else if (mknodat(to, name, status->st_mode & (S_IFMT | 0600), status->st_rdev) < 0)
		r = -errno;
	if (r < 0)
		return r;
	if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(status->st_mode) && fchmodat(to, name, status->st_mode & 07777, 0) < 0)
		return -errno;
	return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

const char *copy_links_note(struct copy_links *links, const struct stat *status, const char *path)
{
	struct link key = { .device = status->st_dev, .inode = status->st_ino };
	struct link **found;
	struct link *link;

	if (status->st_nlink < 2)
		return NULL;
	found = tfind(&key, &links->tree, compare_links);
	if (found)
		return (*found)->path;
	link = xnew(struct link);
	*link = key;
	link->path = xstrdup(path);
	(void)tsearch(link, &links->tree, compare_links);
	return NULL;
}

int copy_node_as(int from, int to, const char *name, const struct stat *status)
{
	return S_ISREG(status->st_mode) ? copy_file(from, to, name, status)
					: copy_special(from, to, name, status);
}

int copy_node(int from, int to, const char *path, const struct stat *status,
	      struct copy_links *links)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *first = copy_links_note(links, status, path);

	/* No component of a path in the same layer can have become a symlink since. */
	if (first)
		return linkat(links->root_fd, first, to, name, 0) < 0 ? -errno : 0;
	return copy_node_as(from, to, name, status);
}
