/* SPDX-License-Identifier: MIT */
/* What a container may not see, and what it may not change. */

#include "monitor/shim/shim.h"

#include "base/scope.h"
#include "os/path.h"
#include "os/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Opens /dev/null and makes sure that it is that: an image could have put anything in its place. */
static int open_null(struct shim *shim, struct lxcri_error *err)
{
	autoclose int fd = path_open_in(shim->root, "/dev/null", O_PATH | O_NOFOLLOW);
	struct stat status;

	if (fd < 0)
		return fail_errno(err, fd, "open /dev/null");
	if (fstat(fd, &status) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
		return fail(err, LXCRI_E_SYSTEM, "open /dev/null: it is another file");
	return steal_fd(&fd);
}

static int mask(struct shim *shim, const char *path, struct lxcri_error *err)
{
	autoclose int target = path_open_in(shim->root, path, O_PATH);
	autoclose int cover = -1;
	struct stat status;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0 || fstat(target, &status) < 0)
		return fail_errno(err, target < 0 ? target : errno, "open %s", path);
	if (S_ISDIR(status.st_mode)) {
		struct tree_message message;

		cover = tree_new("tmpfs", "tmpfs", NULL, MOUNT_ATTR_RDONLY, &message);
	} else {
		autoclose int null = open_null(shim, err);

		if (null < 0)
			return -1;
		cover = tree_clone(null, 0);
	}

	int r = cover < 0 ? cover : tree_attach(cover, target);

	return r < 0 ? fail_errno(err, r, "cover %s", path) : 0;
}

static int protect(struct shim *shim, const char *path, struct lxcri_error *err)
{
	const struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	autoclose int target = path_open_in(shim->root, path, O_PATH);

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;

	autoclose int tree = target < 0 ? target : tree_clone(target, AT_RECURSIVE);
	int r = tree < 0 ? tree : tree_change(tree, AT_RECURSIVE, &read_only);

	if (r == 0)
		r = tree_attach(tree, target);
	return r < 0 ? fail_errno(err, r, "make %s read-only", path) : 0;
}

int shim_protect_paths(struct shim *shim, struct lxcri_error *err)
{
	for (size_t i = 0; i < shim->plan.masked.count; i++)
		if (mask(shim, shim->plan.masked.items[i], err) < 0)
			return fail_while(err, "linux.maskedPaths[%zu]", i);
	for (size_t i = 0; i < shim->plan.read_only.count; i++)
		if (protect(shim, shim->plan.read_only.items[i], err) < 0)
			return fail_while(err, "linux.readonlyPaths[%zu]", i);
	if (shim->plan.read_only_root) {
		int r = tree_change(shim->root, 0,
				    &(struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY });

		if (r < 0)
			return fail_errno(err, r, "make the root read-only");
	}
	return 0;
}
