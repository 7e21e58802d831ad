/* SPDX-License-Identifier: MIT */
/* An overlay over the layers, as they were unpacked. */

#include "base/mem.h"
#include "base/scope.h"
#include "image/rootfs.h"
#include "image/snapshot/snapshot.h"
#include "os/path.h"

#include <errno.h>
#include <sys/stat.h>

static int probe(const struct snapshot_place *place, struct lxcri_error *err)
{
	return rootfs_try_overlay(place->data_dir) != ROOTFS_NO_OVERLAY
		       ? 0
		       : fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			      "the file system of %s cannot carry an overlay", place->data_dir);
}

static int make_dir(const char *path, mode_t mode, struct lxcri_error *err)
{
	int r = path_make_dirs(path, mode);

	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make %s", path) : 0;
}

/* Makes the writable layer. Its own owner and mode are those of the root that the container sees,
 * so they are taken from the image. */
static int make_upper(const struct snapshot_root *root, struct lxcri_error *err)
{
	const char *below = root->layers->items[0];
	autofree char *path = xformat("%s/upper", root->dir);
	uint32_t uid;
	uint32_t gid;
	struct stat status;

	if (stat(below, &status) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "look at %s", below);
	if (id_extents_to_host(&root->owners.uids, status.st_uid, &uid) < 0 ||
	    id_extents_to_host(&root->owners.gids, status.st_gid, &gid) < 0)
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "the root of the image belongs to %u:%u, which is beyond the ids of "
			    "the container",
			    status.st_uid, status.st_gid);
	if (make_dir(path, 0755, err) < 0)
		return -1;
	if (chown(path, uid, gid) < 0 || chmod(path, status.st_mode & 07777) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "set owner and mode of %s", path);
	return 0;
}

static int create(const struct snapshot_root *root, struct lxcri_error *err)
{
	autofree char *work = xformat("%s/work", root->dir);

	return make_upper(root, err) < 0 ? -1 : make_dir(work, 0700, err);
}

static int describe(const struct snapshot_root *root, struct mount_root *ret_mount,
		    struct lxcri_error *err)
{
	*ret_mount = (struct mount_root){
		.target = xstrdup(root->target),
		.upper = xformat("%s/upper", root->dir),
		.work = xformat("%s/work", root->dir),
		.owners = root->owners,
	};
	strings_add_all(&ret_mount->lowers, root->layers);
	return 0;
}

const struct snapshot_ops snapshot_overlay = {
	.name = "overlay",
	.probe = probe,
	.create = create,
	.describe = describe,
};
