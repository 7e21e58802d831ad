/* SPDX-License-Identifier: MIT */
/* A file that appears under its name once it is whole. */

#include "os/storage/out_file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens what is to be written as it stands. */
static int open_plain(struct out_file *out, struct lxcri_error *err)
{
	out->fd = strcmp(out->path, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
					      : open(out->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (out->fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s", out->path);
	if (isatty(out->fd))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "an archive is nothing for a terminal: give --output FILE, or a pipe");
	return 0;
}

static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !slash          ? xstrdup(".")
	       : slash == path ? xstrdup("/")
			       : xstrndup(path, (size_t)(slash - path));
}

/* What has no name leaves nothing when we are killed. Not every file system can do it. */
static int open_nameless(struct out_file *out)
{
	autofree char *dir = dir_of(out->path);

	out->fd = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	out->is_nameless = out->fd >= 0;
	return out->fd;
}

static int open_temporary(struct out_file *out)
{
	out->temporary = xformat("%s.XXXXXX", out->path);
	out->fd = mkostemp(out->temporary, O_CLOEXEC);
	if (out->fd < 0)
		freep(&out->temporary);
	return out->fd;
}

static mode_t without_umask(mode_t mode)
{
	const mode_t mask = umask(0);

	(void)umask(mask);
	return mode & ~mask;
}

int out_file_open(const char *path, mode_t mode, struct out_file *ret, struct lxcri_error *err)
{
	autorun(out_file_finish) struct out_file out = OUT_FILE_NULL;
	struct stat status;
	bool is_there = stat(path, &status) == 0;

	out.path = xstrdup(path);
	out.mode = is_there ? status.st_mode & 0777 : without_umask(mode);
	if (strcmp(path, "-") == 0 || (is_there && !S_ISREG(status.st_mode))) {
		if (open_plain(&out, err) < 0)
			return -1;
	} else if (open_nameless(&out) < 0 && open_temporary(&out) < 0) {
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "write %s", path);
	}
	*ret = out;
	out = OUT_FILE_NULL;
	return 0;
}

static int flush_dir(const char *path)
{
	autofree char *dir = dir_of(path);
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Gives a file without a name that of @out, or, where that is taken, one to be renamed. */
static int give_name(struct out_file *out)
{
	char file[32];

	(void)snprintf(file, sizeof(file), "/proc/self/fd/%d", out->fd);
	if (linkat(AT_FDCWD, file, AT_FDCWD, out->path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	out->temporary = xformat("%s.%d", out->path, (int)getpid());
	if (linkat(AT_FDCWD, file, AT_FDCWD, out->temporary, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	freep(&out->temporary);
	return -1;
}

int out_file_commit(struct out_file *out, struct lxcri_error *err)
{
	if (!out->temporary && !out->is_nameless)
		return 0;
	if (fchmod(out->fd, out->mode) < 0 || fsync(out->fd) < 0 ||
	    (out->is_nameless && give_name(out) < 0) ||
	    (out->temporary && rename(out->temporary, out->path) < 0))
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "write %s", out->path);
	freep(&out->temporary);
	out->is_nameless = false;
	if (flush_dir(out->path) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "flush %s", out->path);
	return 0;
}

void out_file_finish(struct out_file *out)
{
	if (out->temporary)
		(void)unlink(out->temporary);
	free(out->temporary);
	free(out->path);
	closep(&out->fd);
	*out = OUT_FILE_NULL;
}
