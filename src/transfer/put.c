/* SPDX-License-Identifier: MIT */
/* Making one thing at a spot. What was made is held by a descriptor from the start, and given away
 * by that: under its name somebody else may have put another thing meanwhile, and an owner or a
 * mode would go to that one. */

#include "transfer/put.h"

#include "base/mem.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* Temporary names that are tried before we give up: somebody makes them faster than we do. */
#define TRIES_MAX 100

struct put_time {
	char *path;
	struct timespec mtime;
};

static int fail_put(struct lxcri_error *err, int problem, const char *doing)
{
	return fail_code_errno(err, LXCRI_E_COPY_FAILED, problem, "%s", doing);
}

/* Refuses what must not be replaced. Returns the kind of what is there. */
static int check(const struct spot *spot, struct lxcri_error *err)
{
	int kind = spot_look(spot);

	if (kind == SPOT_DIR)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "at the destination a directory has its name");
	if (kind == SPOT_DEVICE)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "at the destination a device has its name");
	return kind < 0 ? fail_put(err, kind, "look at the destination") : kind;
}

static char *next_name(void)
{
	static unsigned int number;

	return xformat(".lxcri-copy-%d-%u", (int)getpid(), number++);
}

static int replace(const struct spot *spot, const char *temporary, struct lxcri_error *err)
{
	if (renameat(spot->dir, temporary, spot->dir, spot->name) < 0)
		return fail_put(err, errno, "put it in place");
	return 0;
}

/* Opens the file that is a mount of its own. Not by name at once: it could be a device by now. */
static int open_in_place(const struct spot *spot)
{
	autoclose int held = openat(spot->dir, spot->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	char path[64];

	if (held < 0 || fstat(held, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", held);

	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int put_open(const struct spot *spot, struct put *ret_put, struct lxcri_error *err)
{
	struct put put = { .fd = -1, .spot = spot };
	int kind = check(spot, err);

	if (kind < 0)
		return -1;
	if (kind == SPOT_MOUNTED) {
		put.fd = open_in_place(spot);
		if (put.fd < 0)
			return fail_put(err, put.fd, "open it for writing");
	} else {
		put.fd = openat(spot->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
		put.is_nameless = put.fd >= 0;
	}
	for (int tries = 0; put.fd < 0; tries++) {
		free(put.temporary);
		put.temporary = next_name();
		put.fd = openat(spot->dir, put.temporary,
				O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (put.fd < 0 && (errno != EEXIST || tries == TRIES_MAX)) {
			free(put.temporary);
			return fail_put(err, errno, "make it");
		}
	}
	*ret_put = put;
	return 0;
}

int put_size(int fd, int64_t size, struct lxcri_error *err)
{
	return ftruncate(fd, size) < 0 ? fail_put(err, errno, "set its size") : 0;
}

/* The owner first: to change it takes set-id bits and capabilities away. */
static int set_attributes(int fd, const struct put_file *file)
{
	const struct timespec times[2] = { file->mtime, file->mtime };

	if (fchown(fd, file->owner[0], file->owner[1]) < 0 || fchmod(fd, file->mode) < 0)
		return -errno;
	if (file->capability &&
	    fsetxattr(fd, "security.capability", file->capability, file->capability_size, 0) < 0)
		return -errno;
	return futimens(fd, times) < 0 ? -errno : 0;
}

/* Gives a file that has none its name, or a temporary one where the name is another's: that cannot
 * be replaced in one step. */
static int give_name(struct put *put, struct lxcri_error *err)
{
	const struct spot *spot = put->spot;
	const char *name = spot->name;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", put->fd);
	for (int tries = 0; linkat(AT_FDCWD, path, spot->dir, name, AT_SYMLINK_FOLLOW) < 0;
	     tries++) {
		int problem = errno;

		freep(&put->temporary); /* another's, if it is there */
		if (problem != EEXIST || tries == TRIES_MAX)
			return fail_put(err, problem, "put it in place");
		name = put->temporary = next_name();
	}
	put->is_nameless = false;
	return 0;
}

int put_commit(struct put *put, const struct put_file *file, struct lxcri_error *err)
{
	int r;

	if (!put->temporary && !put->is_nameless)
		return 0;
	r = set_attributes(put->fd, file);
	if (r < 0)
		return fail_put(err, r, "set its owner, mode and times");
	if (put->is_nameless && give_name(put, err) < 0)
		return -1;
	if (!put->temporary)
		return 0;
	if (replace(put->spot, put->temporary, err) < 0)
		return -1;
	freep(&put->temporary);
	return 0;
}

void put_finish(struct put *put)
{
	if (put->temporary)
		(void)unlinkat(put->spot->dir, put->temporary, 0);
	freep(&put->temporary);
	closep(&put->fd);
}

int put_dir(const struct spot *spot, const char *path, const struct put_file *file,
	    struct put_times *times, struct lxcri_error *err)
{
	bool made = mkdirat(spot->dir, spot->name, 0700) == 0;
	int problem = made ? 0 : errno;
	autoclose int fd =
		made || problem == EEXIST
			? openat(spot->dir, spot->name,
				 (made ? O_RDONLY : O_PATH) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			: -1;

	if (!made && problem != EEXIST)
		return fail_put(err, problem, "make the directory");
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "at the destination something else has the name of the directory");
	if (fd < 0)
		return fail_put(err, errno, "open the directory");
	if (!made)
		return 0;
	if (fchown(fd, file->owner[0], file->owner[1]) < 0 || fchmod(fd, file->mode) < 0)
		return fail_put(err, errno, "set the owner and mode of the directory");
	times->items = xreallocarray(times->items, times->count + 1, sizeof(*times->items));
	times->items[times->count++] = (struct put_time){ xstrdup(path), file->mtime };
	return 0;
}

void put_times_settle(const struct put_times *times, int top)
{
	for (size_t i = times->count; i-- > 0;) {
		const struct put_time *item = &times->items[i];
		const struct timespec both[2] = { item->mtime, item->mtime };
		autorun(spot_finish) struct spot spot = SPOT_NULL;
		struct lxcri_error ignored;

		if (spot_find(top, item->path, NULL, &spot, &ignored) == 0 && spot.name)
			(void)utimensat(spot.dir, spot.name, both, AT_SYMLINK_NOFOLLOW);
	}
}

void put_times_finish(struct put_times *times)
{
	for (size_t i = 0; i < times->count; i++)
		free(times->items[i].path);
	freep(&times->items);
	times->count = 0;
}

/* Holds what was made under @temporary, makes sure that it is still a @type, and gives it its
 * owner, time and place. */
static int try_settle(const struct spot *spot, const char *temporary, mode_t type,
		      const struct put_file *file, struct lxcri_error *err)
{
	autoclose int fd = openat(spot->dir, temporary, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	const struct timespec times[2] = { file->mtime, file->mtime };
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_put(err, errno, "hold what was made");
	if ((status.st_mode & S_IFMT) != type)
		return fail(err, LXCRI_E_COPY_FAILED, "somebody else replaced it meanwhile");
	if (fchownat(fd, "", file->owner[0], file->owner[1], AT_EMPTY_PATH) < 0)
		return fail_put(err, errno, "set its owner");
	/* Not every kernel and file system can by such a descriptor; a link's time is no loss. */
	(void)utimensat(fd, "", times, AT_EMPTY_PATH);
	return replace(spot, temporary, err);
}

/* The same; what cannot be put in place is removed. */
static int settle(const struct spot *spot, const char *temporary, mode_t type,
		  const struct put_file *file, struct lxcri_error *err)
{
	int r = try_settle(spot, temporary, type, file, err);

	if (r < 0)
		(void)unlinkat(spot->dir, temporary, 0);
	return r;
}

int put_symlink(const struct spot *spot, const char *target, const struct put_file *file,
		struct lxcri_error *err)
{
	autofree char *temporary = next_name();

	if (check(spot, err) < 0)
		return -1;
	if (symlinkat(target, spot->dir, temporary) < 0)
		return fail_put(err, errno, "make the symlink");
	return settle(spot, temporary, S_IFLNK, file, err);
}

int put_fifo(const struct spot *spot, const struct put_file *file, struct lxcri_error *err)
{
	autofree char *temporary = next_name();

	if (check(spot, err) < 0)
		return -1;
	if (mknodat(spot->dir, temporary, S_IFIFO | (file->mode & 0777), 0) < 0)
		return fail_put(err, errno, "make the fifo");
	return settle(spot, temporary, S_IFIFO, file, err);
}

/* The rename does nothing when both names are of one file already. */
int put_link(const struct spot *spot, const struct spot *target, struct lxcri_error *err)
{
	autofree char *temporary = next_name();
	int kind = spot_look(target);
	int r;

	if (kind != SPOT_REPLACEABLE)
		return fail(err, LXCRI_E_EXTRACT_FAILED, "a hard link to what is no file here");
	if (check(spot, err) < 0)
		return -1;
	if (linkat(target->dir, target->name, spot->dir, temporary, 0) < 0)
		return fail_put(err, errno, "make the hard link");
	r = replace(spot, temporary, err);
	if (unlinkat(spot->dir, temporary, 0) < 0 && errno != ENOENT && r == 0)
		r = fail_put(err, errno, "make the hard link");
	return r;
}
