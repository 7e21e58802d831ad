/* SPDX-License-Identifier: MIT */
/* The name that one entry of an archive gets. */

#include "transfer/spot.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

void spot_finish(struct spot *spot)
{
	closep(&spot->dir);
	freep(&spot->name);
}

char *spot_clean(const char *name)
{
	autorun(text_finish) struct text clean = {};

	if (!*name || strlen(name) >= PATH_MAX)
		return NULL;
	while (*name) {
		size_t length = strcspn(name, "/");

		if (length == 2 && memcmp(name, "..", 2) == 0)
			return NULL;
		if (length > 0 && (length != 1 || *name != '.')) {
			if (clean.length > 0)
				text_add(&clean, "/");
			text_append(&clean, name, length);
		}
		name += length;
		name += strspn(name, "/");
	}
	return text_steal(&clean);
}

/* Opens the directory @name in @dir, making it where it is missing and there is an owner for it. */
static int step(int dir, const char *name, const uid_t *owner)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd < 0 && errno == ENOENT && owner) {
		if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		fd = openat(dir, name, flags);
		if (fd >= 0 && fchownat(fd, "", owner[0], owner[1], AT_EMPTY_PATH) < 0) {
			int r = -errno;

			closep(&fd);
			return r;
		}
	}
	return fd < 0 ? -errno : fd;
}

int spot_find(int top, const char *path, const uid_t *owner, struct spot *ret_spot,
	      struct lxcri_error *err)
{
	autoclose int dir = openat(top, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return fail_code_errno(err, LXCRI_E_COPY_FAILED, errno, "open the destination");
	for (;;) {
		size_t length = strcspn(path, "/");
		autofree char *name = xstrndup(path, length);

		if (!path[length]) {
			*ret_spot = (struct spot){ .dir = steal_fd(&dir),
						   .name = *name ? steal(name) : NULL };
			return 0;
		}

		int next = step(dir, name, owner);

		if (next == -ENOTDIR || next == -ELOOP)
			return fail(err, LXCRI_E_EXTRACT_FAILED,
				    "\"%.100s\" is no directory at the destination", name);
		if (next < 0)
			return fail_code_errno(err, LXCRI_E_COPY_FAILED, next,
					       "open the directory \"%.100s\"", name);
		closep(&dir);
		dir = next;
		path += length + 1;
	}
}

int spot_look(const struct spot *spot)
{
	struct statx status;

	if (statx(spot->dir, spot->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE,
		  &status) < 0)
		return errno == ENOENT ? SPOT_FREE : -errno;
	if (S_ISDIR(status.stx_mode))
		return SPOT_DIR;
	if (S_ISCHR(status.stx_mode) || S_ISBLK(status.stx_mode))
		return SPOT_DEVICE;
	return status.stx_attributes & STATX_ATTR_MOUNT_ROOT ? SPOT_MOUNTED : SPOT_REPLACEABLE;
}
