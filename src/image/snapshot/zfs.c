/* SPDX-License-Identifier: MIT */
/* Datasets: each layer has one with all that is in it and below, a clone of that of the layer below
 * it, and is whole once it has a snapshot; a container has a clone of the topmost. All are mounted
 * by us alone: by a monitor for its container, and where nobody sees it while they are filled. */

#include "base/mem.h"
#include "base/scope.h"
#include "image/rootfs.h"
#include "image/snapshot/chain.h"
#include "image/snapshot/zfs_base.h"
#include "image/snapshot/zfs_collect.h"
#include "image/snapshot/zfs_note.h"
#include "image/snapshot/zfs_tool.h"
#include "os/owner.h"
#include "os/storage/zfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LAYER     "layer"
#define CONTAINER "container"

#define KEY_BYTES 16

static int probe(const struct snapshot_place *place, struct lxcri_error *err)
{
	return zfs_base_check(place, err) < 0 ? -1 : 0;
}

static bool can_map(const struct snapshot_place *place)
{
	return rootfs_can_map_dataset(place->dataset);
}

static char *layer_name(const struct snapshot_place *place, const char *layer_dir)
{
	autofree char *chain_id = snapshot_chain_id(layer_dir);

	return xformat("%s/layers/%s", place->dataset, chain_id);
}

static char *ready_name(const struct snapshot_place *place, const char *layer_dir)
{
	autofree char *name = layer_name(place, layer_dir);

	return xformat("%s" ZFS_BASE_READY, name);
}

static bool is_ready(const struct snapshot_place *place, const char *layer_dir)
{
	autofree char *name = ready_name(place, layer_dir);

	return zfs_exists(name);
}

static int make_clone(const char *origin, const char *name, const char *kind,
		      struct lxcri_error *err)
{
	const struct zfs_property property = { .name = ZFS_BASE_KIND, .value = kind };
	int r = zfs_clone(origin, name, &property, 1);

	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "clone %s as %s", origin, name)
		     : 0;
}

static int fill(const char *layer_dir, const char *name, struct lxcri_error *err)
{
	autoclose int fd = -1;
	int r;

	if (zfs_base_open(name, &fd, err) < 0)
		return -1;
	r = rootfs_merge_layer(layer_dir, fd);
	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "copy the layer %s to %s",
				       layer_dir, name)
		     : 0;
}

static int make_layer(const struct chain *chain, size_t number, struct lxcri_error *err)
{
	const struct snapshot_place *place = chain->place;
	const char *layer_dir = chain->layers->items[number];
	const char *below_dir = chain_below(chain, number);
	autofree char *name = layer_name(place, layer_dir);
	autofree char *below = below_dir ? ready_name(place, below_dir) : NULL;
	int r;

	/* What a killed process has left. */
	if (zfs_base_destroy(name, LAYER, err) < 0)
		return -1;
	r = below ? make_clone(below, name, LAYER, err)
		  : ZFS_TOOL(NULL, err, "create", "-o", ZFS_BASE_KIND "=" LAYER, name);
	if (r < 0 || fill(layer_dir, name, err) < 0)
		return -1;
	return zfs_base_finish(name, err);
}

static int prepare(const struct snapshot_place *place, const struct strings *layers,
		   struct lxcri_error *err)
{
	static const struct chain_ops ops = { .has = is_ready,
					      .begin = zfs_base_make,
					      .make = make_layer };

	return chain_make(place, layers, &ops, err);
}

/* A name that depends on nothing: an id may be longer than a dataset's name, have other characters,
 * and be changed. Owned by the caller; NULL without random bytes. */
static char *make_name(const struct snapshot_place *place)
{
	unsigned char key[KEY_BYTES];
	char digits[2 * KEY_BYTES + 1];

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return NULL;
	for (size_t i = 0; i < sizeof(key); i++) {
		digits[2 * i] = "0123456789abcdef"[key[i] >> 4];
		digits[2 * i + 1] = "0123456789abcdef"[key[i] & 15];
	}
	digits[sizeof(digits) - 1] = '\0';
	return xformat("%s/containers/%s", place->dataset, digits);
}

static int get_name(const char *dir, char **ret_name, struct lxcri_error *err)
{
	int r = zfs_note_read(dir, ret_name);

	if (r == 0 && !*ret_name)
		r = -ENOENT;
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "find the dataset of %s", dir)
		     : 0;
}

static int shift(const char *name, const struct id_map *owners, struct lxcri_error *err)
{
	const struct owner_change change = { .map = owners };
	autoclose int fd = -1;
	int r;

	if (zfs_base_open(name, &fd, err) < 0)
		return -1;
	r = owner_change_tree(fd, &change);
	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "change the owners in %s", name)
		     : 0;
}

static int create(const struct snapshot_root *root, struct lxcri_error *err)
{
	autofree char *name = make_name(root->place);
	autoclose int dir = open(root->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *origin =
		root->layers->count > 0 ? ready_name(root->place, root->layers->items[0]) : NULL;
	int r = !name || dir < 0 ? -errno : !origin ? -ENOENT : 0;

	/* On the disk before there is what it names, so that nothing can be lost. */
	if (r == 0)
		r = zfs_note_write(dir, name);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "note the dataset of %s",
				       root->dir);
	if (make_clone(origin, name, CONTAINER, err) < 0)
		return -1;
	return root->is_shifted && !id_map_is_host(&root->owners) ? shift(name, &root->owners, err)
								  : 0;
}

static int describe(const struct snapshot_root *root, struct mount_root *ret_mount,
		    struct lxcri_error *err)
{
	autofree char *name = NULL;

	if (get_name(root->dir, &name, err) < 0)
		return -1;
	*ret_mount = (struct mount_root){
		.target = xstrdup(root->target),
		.dataset = steal(name),
		.owners = root->owners,
		.is_shifted = root->is_shifted,
	};
	return 0;
}

static int open_root(const struct snapshot_root *root, int *ret_fd, struct lxcri_error *err)
{
	autofree char *name = NULL;

	return get_name(root->dir, &name, err) < 0 ? -1 : zfs_base_open(name, ret_fd, err);
}

static int list_outside(const char *dir, struct strings *names)
{
	autofree char *name = NULL;
	int r = zfs_note_read(dir, &name);

	if (r == 0 && name)
		strings_add_consume(names, steal(name));
	return r;
}

static int can_destroy(const char *dir, struct lxcri_error *err)
{
	autofree char *name = NULL;
	int r = zfs_note_read(dir, &name);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "find the dataset of %s",
				       dir);
	r = name ? zfs_open() : 0;
	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r,
				       "destroy the dataset %s: ZFS cannot be had", name)
		     : 0;
}

static int destroy(const char *dir, struct lxcri_error *err)
{
	return zfs_note_destroy(dir, CONTAINER, err);
}

static uint64_t used_bytes(const char *name)
{
	autorun(strings_finish) struct strings lines = {};
	struct lxcri_error ignored;

	if (!zfs_exists(name) ||
	    ZFS_TOOL(&lines, &ignored, "list", "-H", "-p", "-o", "used", name) < 0 ||
	    lines.count != 1)
		return 0;
	return strtoull(lines.items[0], NULL, 10);
}

static uint64_t measure(const char *dir)
{
	autofree char *name = NULL;

	return zfs_note_read(dir, &name) == 0 && name ? used_bytes(name) : 0;
}

static void measure_layers(const struct snapshot_place *place, struct snapshot_sizes *sizes)
{
	autorun(strings_finish) struct strings lines = {};
	autofree char *parent = place->dataset ? xformat("%s/layers", place->dataset) : NULL;
	struct lxcri_error ignored;

	if (!parent || zfs_base_check(place, &ignored) <= 0 || !zfs_exists(parent) ||
	    ZFS_TOOL(&lines, &ignored, "list", "-H", "-p", "-r", "-d", "1", "-o", "name,used",
		     parent) < 0)
		return;
	/* The first is the parent itself. */
	for (size_t i = 1; i < lines.count; i++) {
		char *at = lines.items[i] + strlen(parent) + 1;
		char *tab = strchr(at, '\t');

		if (!tab)
			continue;
		*tab = '\0';
		snapshot_sizes_add(sizes, at, strtoull(tab + 1, NULL, 10));
	}
}

const struct snapshot_ops snapshot_zfs = {
	.name = "zfs",
	.probe = probe,
	.can_map = can_map,
	.prepare = prepare,
	.create = create,
	.describe = describe,
	.open_root = open_root,
	.can_destroy = can_destroy,
	.destroy = destroy,
	.list_outside = list_outside,
	.collect = zfs_collect,
	.measure = measure,
	.measure_layers = measure_layers,
};
