/* SPDX-License-Identifier: MIT */
/* The device files of a container. */

#include "monitor/shim/shim.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/path.h"
#include "os/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Those that every container has. */
static const struct lxc_plan_device default_devices[] = {
	{ (char *)"/dev/null", S_IFCHR | 0666, 1, 3 },
	{ (char *)"/dev/zero", S_IFCHR | 0666, 1, 5 },
	{ (char *)"/dev/full", S_IFCHR | 0666, 1, 7 },
	{ (char *)"/dev/random", S_IFCHR | 0666, 1, 8 },
	{ (char *)"/dev/urandom", S_IFCHR | 0666, 1, 9 },
	{ (char *)"/dev/tty", S_IFCHR | 0666, 5, 0 },
};

static const struct {
	const char *name;
	const char *target;
} links[] = {
	{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },       { "ptmx", "pts/ptmx" },
};

static bool is_device(const struct stat *status, const struct lxc_plan_device *device)
{
	return (status->st_mode & S_IFMT) == (device->mode & S_IFMT) &&
	       (S_ISFIFO(device->mode) || status->st_rdev == makedev(device->major, device->minor));
}

/* Where mknod is not allowed (a user namespace), the host's own device is shown instead, if it is
 * really that one. */
static int bind_device(struct shim *shim, const struct lxc_plan_device *device,
		       struct lxcri_error *err)
{
	autoclose int from = path_open_in(shim->host, device->path, O_PATH);
	struct stat status;

	if (from < 0)
		return fail_errno(err, from, "open device %s of the host", device->path);
	if (fstat(from, &status) < 0 || !is_device(&status, device))
		return fail(err, LXCRI_E_SYSTEM,
			    "make device %s: not permitted, and the host's is "
			    "another one",
			    device->path);

	int tree = tree_clone(from, 0);

	if (tree < 0)
		return fail_errno(err, tree, "bind device %s", device->path);
	return shim_attach_consume(shim, tree, device->path, err);
}

static int make_device(struct shim *shim, const struct lxc_plan_device *device,
		       struct lxcri_error *err)
{
	autofree char *parent = xstrdup(device->path);
	char *slash = strrchr(parent, '/');
	struct stat status;

	if (!slash || !slash[1])
		return fail(err, LXCRI_E_INVALID_SPEC, "make device %s: not a path", device->path);
	*slash = '\0';

	const char *name = slash + 1;
	autoclose int dir = path_make_dirs_in(shim->root, parent, 0755);

	if (dir < 0)
		return fail_errno(err, dir, "make the directory of device %s", device->path);
	if (mknodat(dir, name, device->mode, makedev(device->major, device->minor)) == 0) {
		/* The umask took bits away; the owner is ours until it is given. */
		if (fchmodat(dir, name, device->mode & 07777, 0) < 0 ||
		    fchownat(dir, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW) < 0)
			return fail_errno(err, errno, "set mode and owner of %s", device->path);
		return 0;
	}
	if (errno == EEXIST && fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    is_device(&status, device))
		return 0;
	if (errno == EPERM)
		return bind_device(shim, device, err);
	return fail_errno(err, errno, "make device %s", device->path);
}

/* Shows a device that was made where that is allowed. */
static int attach_device(struct shim *shim, const struct lxc_plan_device *device,
			 struct lxcri_error *err)
{
	int tree = shim_receive_tree(shim, err);

	return tree < 0 ? -1 : shim_attach_consume(shim, tree, device->path, err);
}

static int make_links(struct shim *shim, struct lxcri_error *err)
{
	autoclose int dev = path_make_dirs_in(shim->root, "/dev", 0755);

	if (dev < 0)
		return fail_errno(err, dev, "open /dev");
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		/* An image may bring /dev/ptmx as a device, which would be of the host's devpts. */
		if (strcmp(links[i].name, "ptmx") == 0)
			(void)unlinkat(dev, "ptmx", 0);
		if (symlinkat(links[i].target, dev, links[i].name) < 0 && errno != EEXIST)
			return fail_errno(err, errno, "make link /dev/%s", links[i].name);
	}
	return 0;
}

int shim_make_devices(struct shim *shim, struct lxcri_error *err)
{
	if (!shim->plan.own_dev)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(default_devices); i++)
		if (make_device(shim, &default_devices[i], err) < 0)
			return -1;
	for (size_t i = 0; i < shim->plan.n_devices; i++)
		if ((shim->plan.sent_devices ? attach_device
					     : make_device)(shim, &shim->plan.devices[i], err) < 0)
			return -1;
	return make_links(shim, err);
}
