/* SPDX-License-Identifier: MIT */
/* Images as datasets of which containers of Proxmox VE are clones. */

#include "image/convert/ct_dataset.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/sha256.h"
#include "image/rootfs.h"
#include "image/snapshot/zfs_base.h"
#include "image/snapshot/zfs_tool.h"
#include "os/mount.h"
#include "os/storage/zfs.h"
#include "os/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_DIGITS 16

char *ct_dataset_group(const char *pool, const char *data_dir)
{
	char hex[SHA256_HEX_SIZE];

	sha256_hex(data_dir, strlen(data_dir), hex);
	return xformat("%s/lxcri-%.*s", pool, KEY_DIGITS, hex);
}

int ct_dataset_has_group(const char *group, const char *data_dir, struct lxcri_error *err)
{
	autofree char *owner = NULL;

	if (!zfs_exists(group))
		return 0;
	if (zfs_base_read_own(group, ZFS_BASE_DATA, &owner, err) < 0)
		return -1;
	return owner && strcmp(owner, data_dir) == 0
		       ? 1
		       : fail(err, LXCRI_E_ZFS_ERROR, "the dataset %s is not ours", group);
}

static int ensure_group(const struct ct_dataset *dataset, int lock, struct lxcri_error *err)
{
	autofree char *owner = xformat(ZFS_BASE_DATA "=%s", dataset->data_dir);
	const char *const args[] = { "create", ZFS_BASE_PROPERTIES, "-o",
				     owner,    dataset->group,      NULL };
	int r = ct_dataset_has_group(dataset->group, dataset->data_dir, err);

	return r != 0 ? r : zfs_tool(args, lock, NULL, err);
}

static char *ready_of(const char *name)
{
	return xformat("%s" ZFS_BASE_READY, name);
}

static bool is_whole(const char *name)
{
	autofree char *ready = ready_of(name);

	return zfs_exists(ready);
}

/* Destroys what others began who were killed. */
static int destroy_torn(const char *group, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};

	if (ct_dataset_list(group, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (!is_whole(names.items[i]) &&
		    zfs_base_destroy(names.items[i], CT_DATASET_KIND, err) < 0)
			return -1;
	return 0;
}

static int create(const struct ct_dataset *dataset, const char *name, int lock,
		  struct lxcri_error *err)
{
	autofree char *digest = xformat(ZFS_BASE_DIGEST "=%s", dataset->digest);
	const char *const args[] = { "create", "-o",   ZFS_BASE_KIND "=" CT_DATASET_KIND,
				     "-o",     digest, name,
				     NULL };

	return zfs_tool(args, lock, NULL, err);
}

/* Gives the root of the dataset to that of unprivileged containers: a mount with mapped owners
 * shows files of others as nobody's, in which nobody may write. */
static int give_root(const char *name, struct lxcri_error *err)
{
	autoclose int root = -1;

	if (zfs_base_open(name, &root, err) < 0)
		return -1;
	return fchown(root, CT_DATASET_FIRST_ID, CT_DATASET_FIRST_ID) < 0
		       ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, errno,
					 "change the owner of the dataset %s", name)
		       : 0;
}

/* Opens the root so that what is written with the owner 0 has, on the disk, the first id of
 * unprivileged containers. The kernel shifts access lists and capabilities of files as well. */
static int open_shifted(const char *name, int *ret_fd, struct lxcri_error *err)
{
	const struct id_extent extent = { .inside = CT_DATASET_FIRST_ID,
					  .outside = 0,
					  .size = CT_DATASET_IDS };
	struct id_map map = {};
	autoclose int userns = -1;
	autoclose int mount = -1;
	int r = id_extents_add(&map.uids, &extent);

	if (r == 0)
		r = id_extents_add(&map.gids, &extent);
	if (r == 0)
		r = userns = userns_open(&map);
	if (r >= 0) {
		const struct mount_owner owner = { .userns = userns };

		r = mount = mount_open_dataset(name, &owner);
	}
	if (r >= 0) {
		*ret_fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = *ret_fd < 0 ? -errno : 0;
	}
	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r,
				       "mount the dataset %s with other owners", name)
		     : 0;
}

static int fill(struct image_store *store, const struct ct_dataset *dataset, const char *name,
		struct lxcri_error *err)
{
	autoclose int root = -1;

	if (dataset->owner == CONVERSION_PRIVILEGED) {
		if (zfs_base_open(name, &root, err) < 0)
			return -1;
	} else if (give_root(name, err) < 0 || open_shifted(name, &root, err) < 0) {
		return -1;
	}
	return conversion_fill_ct(store, dataset->digest, dataset->owner, root, err);
}

static int make(struct image_store *store, const struct ct_dataset *dataset, const char *name,
		int lock, struct lxcri_error *err)
{
	struct lxcri_error second = {};

	if (create(dataset, name, lock, err) == 0 && fill(store, dataset, name, err) == 0 &&
	    zfs_base_finish(name, err) == 0)
		return 0;
	(void)zfs_base_destroy(name, CT_DATASET_KIND, &second); /* else the next one does */
	(void)zfs_destroy(dataset->group); /* which fails where something is in it */
	return fail_while(err, "make the dataset %s", name);
}

int ct_dataset_ensure(struct image_store *store, const struct ct_dataset *dataset, int lock,
		      char **ret_ready, struct lxcri_error *err)
{
	autofree char *name =
		xformat("%s/%.*s-%.*s%s", dataset->group, CT_DATASET_DIGITS,
			dataset->digest + strlen("sha256:"), CT_DATASET_INIT, dataset->init,
			dataset->owner == CONVERSION_PRIVILEGED ? "" : CT_DATASET_SHIFTED);
	bool is_there = is_whole(name);

	if (is_there && zfs_base_check_kind(name, CT_DATASET_KIND, err) < 0)
		return -1;
	if (!is_there && ensure_group(dataset, lock, err) < 0)
		return -1;
	if (!is_there && dataset->owner == CONVERSION_UNPRIVILEGED &&
	    !rootfs_can_map_dataset(dataset->group)) {
		(void)zfs_destroy(dataset->group); /* which fails where something is in it */
		return 0;
	}
	if (!is_there &&
	    (destroy_torn(dataset->group, err) < 0 || make(store, dataset, name, lock, err) < 0))
		return -1;
	*ret_ready = ready_of(name);
	return 1;
}

int ct_dataset_list(const char *group, struct strings *names, struct lxcri_error *err)
{
	return zfs_base_list(group, CT_DATASET_KIND, names, err);
}

/* Tells whether the snapshot @ready has clones: 1, 0 or -1. */
static int has_clones(const char *ready, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings lines = {};

	if (ZFS_TOOL(&lines, err, "get", "-H", "-o", "value", "clones", ready) < 0)
		return -1;
	return lines.count > 0 && *lines.items[0] && strcmp(lines.items[0], "-") != 0;
}

int ct_dataset_look(const char *name, struct ct_dataset_state *ret, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings lines = {};
	autofree char *ready = ready_of(name);
	int clones;

	*ret = (struct ct_dataset_state){ .is_whole = zfs_exists(ready) };
	if (ZFS_TOOL(&lines, err, "list", "-H", "-p", "-o", "used,creation", name) < 0)
		return -1;
	if (lines.count == 1 && strchr(lines.items[0], '\t')) {
		ret->bytes = strtoull(lines.items[0], NULL, 10);
		ret->created_ns =
			strtoll(strchr(lines.items[0], '\t') + 1, NULL, 10) * NS_IN_SECOND;
	}
	clones = ret->is_whole ? has_clones(ready, err) : 0;
	ret->has_clones = clones > 0;
	return clones < 0 ? -1 : 0;
}

int ct_dataset_destroy(const char *name, struct lxcri_error *err)
{
	autofree char *group = xstrndup(name, (size_t)(strrchr(name, '/') - name));
	autofree char *ready = ready_of(name);
	int r;

	if (zfs_base_check_kind(name, CT_DATASET_KIND, err) < 0)
		return -1;
	r = zfs_exists(ready) ? zfs_destroy(ready) : 0;
	if (r == -EEXIST || r == -EBUSY)
		return 0;
	if (r < 0 && r != -ENOENT)
		return fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "destroy the snapshot %s", ready);
	if (zfs_base_destroy(name, CT_DATASET_KIND, err) < 0)
		return -1;
	(void)zfs_destroy(group); /* which fails where something is in it */
	return 1;
}
