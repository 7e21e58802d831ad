/* SPDX-License-Identifier: MIT */
/* Files that are whole or as they were. */

#include "cli/host/outfile.h"

#include "base/mem.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_MODE 0600

/* Beside the place that it will have, so that it can be renamed. The pid keeps two apart. */
static char *temporary_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const int length = slash ? (int)(slash - path) + 1 : 0;

	return xformat("%.*s.%s.%d", length, path, path + length, (int)getpid());
}

int outfile_open(const char *path, struct outfile *ret_file)
{
	autofree char *temporary = NULL;
	mode_t mode = NEW_MODE;
	struct stat status;

	*ret_file = OUTFILE_NULL;
	/* A link is followed by being written through. */
	if (lstat(path, &status) == 0) {
		if (!S_ISREG(status.st_mode)) {
			ret_file->fd =
				open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, NEW_MODE);
			return ret_file->fd < 0 ? -errno : 0;
		}
		mode = status.st_mode & 0777;
	}
	temporary = temporary_of(path);
	ret_file->fd =
		open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, NEW_MODE);
	if (ret_file->fd < 0)
		return -errno;
	ret_file->path = path;
	ret_file->temporary = steal(temporary);
	return fchmod(ret_file->fd, mode) < 0 ? -errno : 0;
}

int outfile_commit(struct outfile *file)
{
	if (fsync(file->fd) < 0 && errno != EINVAL && errno != EROFS)
		return -errno;
	if (file->temporary && rename(file->temporary, file->path) < 0)
		return -errno;
	free(steal(file->temporary));
	return 0;
}

void outfile_finish(struct outfile *file)
{
	if (file->temporary)
		(void)unlink(file->temporary);
	free(steal(file->temporary));
	closep(&file->fd);
}
