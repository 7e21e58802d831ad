/* SPDX-License-Identifier: MIT */
/* A copy of the layers. Hard links to the layers' files would be quicker, and would let a container
 * write into them. */

#include "base/mem.h"
#include "base/scope.h"
#include "image/rootfs.h"
#include "image/snapshot/snapshot.h"

#include <errno.h>
#include <fcntl.h>

static int probe(const struct snapshot_place *place, struct lxcri_error *err)
{
	return 0;
}

static int create(const struct snapshot_root *root, struct lxcri_error *err)
{
	const struct id_map *owners = id_map_is_host(&root->owners) ? NULL : &root->owners;

	return rootfs_prepare_dir(root->layers, root->target, owners, err);
}

/* It lies where it is to be seen; for a user namespace the mount loses its device files. */
static int describe(const struct snapshot_root *root, struct mount_root *ret_mount,
		    struct lxcri_error *err)
{
	*ret_mount = (struct mount_root){ .owners = root->owners, .is_shifted = true };
	if (id_map_is_host(&root->owners))
		return 0;
	ret_mount->target = xstrdup(root->target);
	ret_mount->directory = xstrdup(root->target);
	return 0;
}

static int open_tree_of(const struct snapshot_root *root, int *ret_fd, struct lxcri_error *err)
{
	*ret_fd = open(root->target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0
		       ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s", root->target)
		       : 0;
}

const struct snapshot_ops snapshot_dir = {
	.name = "dir",
	.probe = probe,
	.create = create,
	.describe = describe,
	.open_root = open_tree_of,
};
