/* SPDX-License-Identifier: MIT */
/* The root file system of a container as a monitor mounts it. */

#include "os/storage/mount_root.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/mount.h"
#include "os/userns.h"

void mount_root_finish(struct mount_root *root)
{
	freep(&root->target);
	freep(&root->upper);
	freep(&root->work);
	freep(&root->dataset);
	freep(&root->directory);
	strings_finish(&root->lowers);
}

static int mount_lowers(const struct mount_root *root, const struct mount_owner *owner)
{
	const struct mount_overlay overlay = {
		.lowers = (const char *const *)root->lowers.items,
		.n_lowers = root->lowers.count,
		.upper = root->upper,
		.work = root->work,
		.owner = owner,
	};

	return mount_overlay(&overlay, root->target);
}

int mount_root(const struct mount_root *root)
{
	bool unprivileged = !id_map_is_host(&root->owners);
	bool mapped = unprivileged && !root->is_shifted;
	autoclose int userns = mapped ? userns_open(&root->owners) : -1;
	const struct mount_owner owner = { .userns = userns, .no_nodes = unprivileged };

	if (mapped && userns < 0)
		return userns;
	if (root->lowers.count > 0)
		return mount_lowers(root, &owner);
	return root->dataset ? mount_dataset(root->dataset, root->target, &owner)
			     : mount_bind(root->directory, root->target, &owner);
}
