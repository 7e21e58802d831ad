/* SPDX-License-Identifier: MIT */
/* Whole small files. */

#include "os/file.h"

#include "base/mem.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Reads to the end, or as far as @expected unless that is 0. */
static int read_all(int fd, size_t expected, size_t max, char **ret, size_t *ret_size)
{
	size_t room = 4096;
	size_t size = 0;
	autofree char *bytes = xcalloc(room + 1, 1);

	for (;;) {
		ssize_t got = read(fd, bytes + size, room - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		size += (size_t)got;
		if (size > max)
			return -EFBIG;
		if (size == expected)
			break;
		if (size == room) {
			room *= 2;
			bytes = xreallocarray(bytes, room + 1, 1);
		}
	}
	bytes[size] = '\0';
	*ret = steal(bytes);
	*ret_size = size;
	return 0;
}

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size)
{
	return read_all(fd, 0, max, ret, ret_size);
}

int file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size)
{
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	/* Those of the kernel have no size. */
	return read_all(fd, (size_t)status.st_size, max, ret, ret_size);
}

int file_write_all(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t written = write(fd, at, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		size -= (size_t)written;
	}
	return 0;
}

int file_write_all_at(int fd, const void *bytes, size_t size, int64_t offset)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t written = pwrite(fd, at, size, offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		offset += written;
		size -= (size_t)written;
	}
	return 0;
}

/* The directory part of @path as far as its last slash, which may be nothing. */
static int dir_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

struct contents {
	const void *bytes;
	size_t size;
	mode_t mode;
};

/* Puts the file there and leaves it open. With @is_locked nobody sees it without its lock. */
static int put(int dirfd, const char *name, const struct contents *contents,
	       enum file_durability durability, bool is_locked, int *ret_fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	/* The pid keeps two writers apart; a leftover of a dead one is overwritten. */
	const int length = dir_length(name);
	autofree char *temporary =
		xformat("%.*s.%s.%d", length, name, name + length, (int)getpid());
	autoclose int fd =
		openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		       contents->mode);
	int r;

	if (fd < 0)
		return -errno;
	r = fchmod(fd, contents->mode) < 0 ? -errno
					   : file_write_all(fd, contents->bytes, contents->size);
	if (r == 0 && is_locked && fcntl(fd, F_SETLK, &lock) < 0)
		r = -errno;
	if (r == 0 && durability == FILE_DURABLE && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dirfd, temporary, 0);
		return r;
	}
	if (durability == FILE_DURABLE) {
		autofree char *parent = xformat("%.*s.", length, name);
		autoclose int dir = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0 || fsync(dir) < 0)
			return -errno;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

int file_write_atomic(int dirfd, const char *name, const void *bytes, size_t size, mode_t mode,
		      enum file_durability durability)
{
	const struct contents contents = { bytes, size, mode };
	autoclose int fd = -1;

	return put(dirfd, name, &contents, durability, false, &fd);
}

int file_write_locked(int dirfd, const char *name, const void *bytes, size_t size, mode_t mode,
		      int *ret_fd)
{
	const struct contents contents = { bytes, size, mode };

	return put(dirfd, name, &contents, FILE_VOLATILE, true, ret_fd);
}

int file_find_lock(int fd, const struct flock *wanted, pid_t *ret_pid)
{
	static const struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct flock lock = wanted ? *wanted : all;

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	if (ret_pid)
		*ret_pid = lock.l_pid;
	return lock.l_type != F_UNLCK;
}

bool file_is_temporary(const char *name)
{
	const char *dot = strrchr(name, '.');

	return *name == '.' && dot > name + 1 && dot[1] != '\0' &&
	       strspn(dot + 1, "0123456789") == strlen(dot + 1);
}

int file_flush_all(int dirfd, const char *const names[], size_t count)
{
	autofree int *fds = xcalloc(count, sizeof(int));
	int r = 0;

	/* All are on their way before the first is waited for, so that a file system with a journal
	 * needs to write that once only. */
	for (size_t i = 0; i < count; i++) {
		fds[i] = openat(dirfd, names[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fds[i] < 0 && errno != ENOENT && r == 0)
			r = -errno;
		if (fds[i] >= 0)
			(void)sync_file_range(fds[i], 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	for (size_t i = 0; i < count; i++) {
		if (fds[i] >= 0 && r == 0 && fsync(fds[i]) < 0)
			r = -errno;
		closep(&fds[i]);
	}
	return r == 0 && fsync(dirfd) < 0 ? -errno : r;
}
