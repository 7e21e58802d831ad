/* SPDX-License-Identifier: MIT */
/* A file that has no name until it is whole. */

#include "image/place/new_file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *name_of(const struct new_file *file)
{
	const char *slash = strrchr(file->path, '/');

	return slash ? slash + 1 : file->path;
}

static int fail_exists(const struct new_file *file, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "%s is there already; remove it, or choose another name", file->path);
}

static int open_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = !slash          ? xstrdup(".")
			     : slash == path ? xstrdup("/")
					     : xstrndup(path, (size_t)(slash - path));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Some file systems cannot keep a file that has no name. */
static int open_named(struct new_file *file)
{
	autofree char *path = xformat("%s.XXXXXX", file->path);
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	file->temporary = xstrdup(strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	return fd;
}

int new_file_open(const char *path, struct new_file *ret, struct lxcri_error *err)
{
	autorun(new_file_finish) struct new_file file = NEW_FILE_NULL;
	struct stat status;

	file.path = xstrdup(path);
	if (!*name_of(&file))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%s\" is no name for a file", path);
	file.dir = open_dir(path);
	if (file.dir < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, file.dir, "write %s", path);
	if (fstatat(file.dir, name_of(&file), &status, AT_SYMLINK_NOFOLLOW) == 0)
		return fail_exists(&file, err);
	file.fd = openat(file.dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file.fd < 0)
		file.fd = errno == EOPNOTSUPP || errno == EISDIR ? open_named(&file) : -errno;
	if (file.fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, file.fd, "write %s", path);
	*ret = file;
	file = NEW_FILE_NULL;
	return 0;
}

int new_file_commit(struct new_file *file, struct lxcri_error *err)
{
	char unnamed[64];
	mode_t mask = umask(0);
	int r;

	(void)umask(mask);
	(void)snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", file->fd);
	if (fchmod(file->fd, 0666 & ~mask) < 0 || fsync(file->fd) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "write %s", file->path);
	r = file->temporary
		    ? linkat(file->dir, file->temporary, file->dir, name_of(file), 0)
		    : linkat(AT_FDCWD, unnamed, file->dir, name_of(file), AT_SYMLINK_FOLLOW);
	if (r < 0 && errno == EEXIST)
		return fail_exists(file, err);
	if (r < 0 || fsync(file->dir) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "write %s", file->path);
	return 0;
}

void new_file_finish(struct new_file *file)
{
	if (file->temporary)
		(void)unlinkat(file->dir, file->temporary, 0);
	free(file->temporary);
	free(file->path);
	closep(&file->fd);
	closep(&file->dir);
	*file = NEW_FILE_NULL;
}
