/* SPDX-License-Identifier: MIT */
/* Where layers are unpacked before the store is locked. */

#include "image/layer/staging.h"

#include "base/mem.h"
#include "base/strings.h"
#include "base/text.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".pull-"

/* Opens and locks the directory @name. Returns a descriptor, or -errno: -ESTALE when another has
 * taken its place meanwhile. */
static int lock_dir(int layers_fd, const char *name, int operation)
{
	autoclose int fd = openat(layers_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat held;
	struct stat named;

	if (fd < 0)
		return -errno;
	while (flock(fd, operation) < 0)
		if (errno != EINTR)
			return -errno;
	if (fstat(fd, &held) < 0)
		return -errno;
	if (fstatat(layers_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    held.st_ino != named.st_ino)
		return -ESTALE;
	return steal_fd(&fd);
}

/* Removes all that is in the directory @fd. Returns 0 or -errno. */
static int empty(int fd)
{
	autorun(strings_finish) struct strings names = {};
	int r = path_list_names(fd, &names);

	for (size_t i = 0; i < names.count && r == 0; i++)
		r = path_remove_tree(fd, names.items[i]);
	return r;
}

int staging_open(int layers_fd, const char *hex, struct staging *ret, struct lxcri_error *err)
{
	autofree char *name = xformat("%s%s", PREFIX, hex);
	autoclose int fd = -1;
	int r;

	do {
		r = mkdirat(layers_fd, name, 0700) < 0 && errno != EEXIST ? -errno : 0;
		if (r == 0)
			r = fd = lock_dir(layers_fd, name, LOCK_EX);
	} while (r == -ESTALE || r == -ENOENT);
	if (r >= 0)
		r = empty(fd);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "make a place for the layers of an image");
	*ret = (struct staging){ layers_fd, steal(name), steal_fd(&fd) };
	return 0;
}

void staging_finish(struct staging *staging)
{
	/* What stays is removed with the next lock of the store. */
	if (staging->name)
		(void)path_remove_tree(staging->layers_fd, staging->name);
	free(staging->name);
	closep(&staging->fd);
	*staging = STAGING_NULL;
}

void staging_clean(int layers_fd)
{
	autorun(strings_finish) struct strings names = {};

	if (layers_fd < 0 || path_list_names(layers_fd, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		if (!text_starts_with(names.items[i], PREFIX))
			continue;

		autoclose int fd = lock_dir(layers_fd, names.items[i], LOCK_EX | LOCK_NB);

		if (fd >= 0)
			(void)path_remove_tree(layers_fd, names.items[i]);
	}
}
