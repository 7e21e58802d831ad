/* SPDX-License-Identifier: MIT */
/* Subvolumes: each layer has one with all that is in it and below, made of that of the layer below
 * and read-only from its first moment; a container has a snapshot of the topmost. The files in them
 * share their blocks with those that were unpacked. */

#include "base/mem.h"
#include "base/scope.h"
#include "image/rootfs.h"
#include "image/snapshot/chain.h"
#include "os/storage/btrfs.h"
#include "os/owner.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define MERGED "merged" /* beside fs/ */
#define ROOT   "root"

static int open_dir(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int probe(const struct snapshot_place *place, struct lxcri_error *err)
{
	autoclose int data = open_dir(AT_FDCWD, place->data_dir);

	return data >= 0 && btrfs_has(data)
		       ? 0
		       : fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			      "%s does not lie on btrfs; put it there, or set storage.driver to "
			      "auto",
			      place->data_dir);
}

static bool can_map(const struct snapshot_place *place)
{
	return rootfs_can_map(place->data_dir);
}

/* Opens the subvolume with all that @layer_dir and those below it have; -errno. */
static int open_merged(const char *layer_dir)
{
	autofree char *path =
		xformat("%.*s" MERGED, (int)(strlen(layer_dir) - strlen(LAYOUT_TREE)), layer_dir);

	return open_dir(AT_FDCWD, path);
}

static bool has_merged(const struct snapshot_place *place, const char *layer_dir)
{
	autoclose int fd = open_merged(layer_dir);

	return fd >= 0;
}

/* Makes a snapshot of what lies below the layer and merges the layer into it, under the temporary
 * name; then the final name at once. */
static int merge(const struct layout *layout, const char *layer_dir, int below, const char *name)
{
	autofree char *chain_id = snapshot_chain_id(layer_dir);
	autoclose int layer = open_dir(layout->layers_fd, chain_id);
	autoclose int merged = -1;
	int r = layer < 0   ? layer
		: below < 0 ? btrfs_create(layout->layers_fd, name)
			    : btrfs_snapshot(below, layout->layers_fd, name, BTRFS_WRITABLE);

	if (r < 0)
		return r;
	merged = open_dir(layout->layers_fd, name);
	r = merged < 0 ? merged : rootfs_merge_layer(layer_dir, merged);
	return r < 0 ? r : btrfs_snapshot(merged, layer, MERGED, BTRFS_READ_ONLY);
}

static int make_merged(const struct chain *chain, size_t number, struct lxcri_error *err)
{
	const struct layout *layout = chain->layout;
	const char *layer_dir = chain->layers->items[number];
	const char *below_dir = chain_below(chain, number);
	autofree char *name = xformat(LAYOUT_TEMPORARY "merged");
	autoclose int below = below_dir ? open_merged(below_dir) : -1;
	int r = below_dir && below < 0 ? below : merge(layout, layer_dir, below, name);

	/* What stays is removed by the next holder of the lock. */
	(void)path_remove_tree(layout->layers_fd, name);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make a subvolume of %s",
				       layer_dir)
		     : 0;
}

static int prepare(const struct snapshot_place *place, const struct strings *layers,
		   struct lxcri_error *err)
{
	static const struct chain_ops ops = { .has = has_merged, .make = make_merged };

	return chain_make(place, layers, &ops, err);
}

/* Nobody but who makes it writable can have changed it. */
static const char *find_fault(const char *layer_dir)
{
	autoclose int merged = open_merged(layer_dir);

	return merged >= 0 && btrfs_is_read_only(merged) != 1 ? "its subvolume can be written"
							      : NULL;
}

static int open_root(const struct snapshot_root *root, int *ret_fd, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" ROOT, root->dir);

	*ret_fd = open_dir(AT_FDCWD, path);
	return *ret_fd < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, *ret_fd, "open %s", path)
			   : 0;
}

static int shift(const struct snapshot_root *root, struct lxcri_error *err)
{
	const struct owner_change change = { .map = &root->owners };
	autoclose int fd = -1;
	int r;

	if (open_root(root, &fd, err) < 0)
		return -1;
	r = owner_change_tree(fd, &change);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "change the owners in %s/%s",
				       root->dir, ROOT)
		     : 0;
}

static int create(const struct snapshot_root *root, struct lxcri_error *err)
{
	autoclose int merged =
		root->layers->count > 0 ? open_merged(root->layers->items[0]) : -ENOENT;
	autoclose int dir = open_dir(AT_FDCWD, root->dir);
	int r = merged < 0 ? merged : dir;

	if (r >= 0)
		r = btrfs_snapshot(merged, dir, ROOT, BTRFS_WRITABLE);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make the snapshot %s/%s",
				       root->dir, ROOT);
	return root->is_shifted && !id_map_is_host(&root->owners) ? shift(root, err) : 0;
}

static int describe(const struct snapshot_root *root, struct mount_root *ret_mount,
		    struct lxcri_error *err)
{
	*ret_mount = (struct mount_root){
		.target = xstrdup(root->target),
		.directory = xformat("%s/" ROOT, root->dir),
		.owners = root->owners,
		.is_shifted = root->is_shifted,
	};
	return 0;
}

const struct snapshot_ops snapshot_btrfs = {
	.name = "btrfs",
	.probe = probe,
	.can_map = can_map,
	.prepare = prepare,
	.find_fault = find_fault,
	.create = create,
	.describe = describe,
	.open_root = open_root,
};
