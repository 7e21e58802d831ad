/* SPDX-License-Identifier: MIT */
/* What a directory of the image holds, copied into the tmpfs that is mounted over it. */

#include "monitor/shim/shim.h"

#include "base/scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define COPY_DEPTH_MAX 64

static int copy_entries(int from, int to, unsigned int depth, struct lxcri_error *err);

static int copy_file(int from, const char *name, int to, struct lxcri_error *err)
{
	autoclose int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int copy =
		source < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t moved = 1;

	while (copy >= 0 && moved > 0)
		moved = sendfile(copy, source, NULL, 1u << 20);
	if (source < 0 || copy < 0 || moved < 0)
		return fail_errno(err, errno, "copy %s", name);
	return 0;
}

static int copy_dir(int from, const char *name, int to, unsigned int depth, struct lxcri_error *err)
{
	if (depth == 0)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "copy %s: more than %d directories deep",
			    name, COPY_DEPTH_MAX);
	if (mkdirat(to, name, 0700) < 0)
		return fail_errno(err, errno, "copy %s", name);

	autoclose int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (source < 0 || copy < 0)
		return fail_errno(err, errno, "copy %s", name);
	return copy_entries(source, copy, depth - 1, err);
}

static int copy_link(int from, const char *name, int to, struct lxcri_error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);

	if (length >= 0)
		target[length] = '\0';
	if (length < 0 || symlinkat(target, to, name) < 0)
		return fail_errno(err, errno, "copy %s", name);
	return 0;
}

/* One entry with its owner, mode and times. Owner first: chown takes the set-id bits away. */
static int copy_entry(int from, const char *name, int to, unsigned int depth,
		      struct lxcri_error *err)
{
	struct stat status;
	int r;

	if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, errno, "copy %s", name);
	if (S_ISDIR(status.st_mode))
		r = copy_dir(from, name, to, depth, err);
	else if (S_ISLNK(status.st_mode))
		r = copy_link(from, name, to, err);
	else if (S_ISREG(status.st_mode))
		r = copy_file(from, name, to, err);
	else
		r = mknodat(to, name, status.st_mode, status.st_rdev) < 0
			    ? fail_errno(err, errno, "copy %s", name)
			    : 0;
	if (r < 0)
		return -1;

	const struct timespec times[] = { status.st_atim, status.st_mtim };

	if (fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(status.st_mode) && fchmodat(to, name, status.st_mode & 07777, 0) < 0) ||
	    utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, errno, "set owner, mode and times of %s", name);
	return 0;
}

static int copy_entries(int from, int to, unsigned int depth, struct lxcri_error *err)
{
	int fd = dup(from);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!dir) {
		closep(&fd);
		return fail_errno(err, errno, "read a directory");
	}
	for (struct dirent *entry = readdir(dir); entry && r == 0; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = copy_entry(from, entry->d_name, to, depth, err);
	(void)closedir(dir);
	return r;
}

int shim_copy_up(int from, int to, struct lxcri_error *err)
{
	struct stat status;

	if (copy_entries(from, to, COPY_DEPTH_MAX, err) < 0)
		return -1;
	if (fstat(from, &status) < 0 || fchown(to, status.st_uid, status.st_gid) < 0 ||
	    fchmod(to, status.st_mode & 07777) < 0)
		return fail_errno(err, errno, "set owner and mode of the copy");
	return 0;
}
