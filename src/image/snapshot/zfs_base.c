/* SPDX-License-Identifier: MIT */
/* The dataset below which all is ours. */

#include "image/snapshot/zfs_base.h"

#include "base/mem.h"
#include "base/scope.h"
#include "image/snapshot/zfs_tool.h"
#include "os/mount.h"
#include "os/storage/zfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

/* A mount namespace that has ended gives its mounts back in its own time. */
#define BUSY_TRIES   200
#define BUSY_NS      25000000L
#define NOT_HAD_HINT "install zfsutils-linux and load the module zfs, or set storage.driver to auto"

bool zfs_base_is_name(const char *name, size_t bytes_max)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-:.";
	size_t parts = 0;

	if (strlen(name) > bytes_max)
		return false;
	for (const char *at = name;; at++) {
		size_t length = strspn(at, allowed);

		/* "." and ".." are no names, and a pool's begins with a letter. */
		if (length == 0 || at[0] == '-' || at[0] == '.')
			return false;
		parts++;
		at += length;
		if (*at != '/')
			return *at == '\0' && parts > 1;
	}
}

int zfs_base_read_own(const char *name, const char *property, char **ret_value,
		      struct lxcri_error *err)
{
	autorun(strings_finish) struct strings lines = {};

	*ret_value = NULL;
	if (ZFS_TOOL(&lines, err, "get", "-H", "-p", "-s", "local", "-o", "value", property, name) <
	    0)
		return -1;
	if (lines.count == 1)
		*ret_value = xstrdup(lines.items[0]);
	return 0;
}

static int check_owner(const struct snapshot_place *place, struct lxcri_error *err)
{
	autofree char *owner = NULL;

	if (zfs_base_read_own(place->dataset, ZFS_BASE_DATA, &owner, err) < 0)
		return -1;
	if (!owner)
		return fail(err, LXCRI_E_ZFS_ERROR,
			    "the dataset %s is there and not ours; set storage.zfs_dataset to one "
			    "that is not there yet",
			    place->dataset);
	if (strcmp(owner, place->data_dir) != 0)
		return fail(err, LXCRI_E_ZFS_ERROR,
			    "the dataset %s belongs to the data directory %s; set "
			    "storage.zfs_dataset to another one",
			    place->dataset, owner);
	return 1;
}

int zfs_base_check(const struct snapshot_place *place, struct lxcri_error *err)
{
	const char *dataset = place->dataset;
	autofree char *parent = NULL;
	int r;

	if (!dataset)
		return fail(
			err, LXCRI_E_UNSUPPORTED_OPERATION,
			"no dataset is configured; set storage.zfs_dataset or storage.zfs_pool");
	if (!zfs_base_is_name(dataset, ZFS_BASE_TOP_NAME_BYTES_MAX))
		return fail(err, LXCRI_E_INVALID_CONFIG,
			    "storage.zfs_dataset: \"%s\" is no name of a dataset in a pool",
			    dataset);
	r = zfs_open();
	if (r < 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "ZFS cannot be had (%s); " NOT_HAD_HINT,
			    r == -ENOPKG ? "libzfs_core.so.3 is missing" : strerror(-r));
	if (zfs_exists(dataset))
		return check_owner(place, err);
	parent = xstrndup(dataset, (size_t)(strrchr(dataset, '/') - dataset));
	return zfs_exists(parent) ? 0
				  : fail(err, LXCRI_E_ZFS_ERROR,
					 "there is no dataset %s to make %s in; make it, or set "
					 "storage.zfs_dataset to another one",
					 parent, dataset);
}

int zfs_base_make_group(const struct snapshot_place *place, const char *name,
			struct lxcri_error *err)
{
	autofree char *full = xformat("%s/%s", place->dataset, name);

	return zfs_exists(full) ? 0
				: ZFS_TOOL(NULL, err, "create", "-o", ZFS_BASE_KIND "=group", full);
}

/* What is below inherits the properties. */
static int make_base(const struct snapshot_place *place, struct lxcri_error *err)
{
	autofree char *owner = xformat(ZFS_BASE_DATA "=%s", place->data_dir);

	return ZFS_TOOL(NULL, err, "create", ZFS_BASE_PROPERTIES, "-o", owner, place->dataset);
}

int zfs_base_make(const struct snapshot_place *place, struct lxcri_error *err)
{
	int there = zfs_base_check(place, err);

	if (there < 0 || (there == 0 && make_base(place, err) < 0) ||
	    zfs_base_make_group(place, "layers", err) < 0)
		return -1;
	return zfs_base_make_group(place, "containers", err);
}

int zfs_base_open(const char *name, int *ret_fd, struct lxcri_error *err)
{
	autoclose int mount = mount_open_dataset(name, NULL);

	*ret_fd = mount < 0 ? mount : openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return fail_code_errno(err, LXCRI_E_ZFS_ERROR, mount < 0 ? mount : errno,
				       "mount the dataset %s", name);
	return 0;
}

int zfs_base_finish(const char *name, struct lxcri_error *err)
{
	autofree char *ready = xformat("%s" ZFS_BASE_READY, name);
	int r = zfs_snapshot(ready);

	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "make the snapshot %s", ready)
		     : 0;
}

int zfs_base_list(const char *parent, const char *kind, struct strings *names,
		  struct lxcri_error *err)
{
	autorun(strings_finish) struct strings lines = {};

	if (!zfs_exists(parent))
		return 0;
	if (ZFS_TOOL(&lines, err, "get", "-H", "-p", "-r", "-d", "1", "-t", "filesystem", "-s",
		     "local", "-o", "name,value", ZFS_BASE_KIND, parent) < 0)
		return -1;
	for (size_t i = 0; i < lines.count; i++) {
		char *tab = strchr(lines.items[i], '\t');

		if (!tab || strcmp(tab + 1, kind) != 0)
			continue;
		*tab = '\0';
		strings_add(names, lines.items[i]);
	}
	return 0;
}

int zfs_base_check_kind(const char *name, const char *kind, struct lxcri_error *err)
{
	autofree char *found = NULL;

	if (zfs_base_read_own(name, ZFS_BASE_KIND, &found, err) < 0)
		return -1;
	return found && strcmp(found, kind) == 0
		       ? 0
		       : fail(err, LXCRI_E_ZFS_ERROR, "the dataset %s is not ours", name);
}

static int destroy_patiently(const char *name)
{
	const struct timespec pause = { .tv_nsec = BUSY_NS };
	int r = zfs_destroy(name);

	for (int tries = 0; r == -EBUSY && tries < BUSY_TRIES; tries++) {
		(void)nanosleep(&pause, NULL);
		r = zfs_destroy(name);
	}
	return r;
}

int zfs_base_destroy(const char *name, const char *kind, struct lxcri_error *err)
{
	autofree char *ready = xformat("%s" ZFS_BASE_READY, name);
	int r = zfs_open();

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_ZFS_ERROR, r,
				       "destroy the dataset %s: ZFS cannot be had", name);
	if (!zfs_exists(name))
		return 0;
	if (zfs_base_check_kind(name, kind, err) < 0)
		return -1;
	r = zfs_destroy(name);
	if (r < 0 && zfs_exists(ready) && zfs_destroy(ready) == 0)
		r = zfs_destroy(name);
	/* Somebody has made snapshots of it; or it is about to be unmounted. */
	if ((r == -EBUSY || r == -EEXIST || r == -ENOTEMPTY) &&
	    ZFS_TOOL(NULL, err, "destroy", "-r", name) == 0)
		return 0;
	if (r == -EBUSY)
		r = destroy_patiently(name);
	if (r == 0 || r == -ENOENT) {
		*err = (struct lxcri_error){};
		return 0;
	}
	return fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "destroy the dataset %s", name);
}
