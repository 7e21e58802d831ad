/* SPDX-License-Identifier: MIT */
/* Datasets: each layer has one with all that is in it and below, a clone of that of the layer below
 * it, and is whole once it has a snapshot; a container has a clone of the topmost. All are mounted
 * by us alone: by a monitor for its container, and where nobody sees it while they are filled. */

#include "base/mem.h"
#include "base/scope.h"
#include "image/layout.h"
#include "image/rootfs.h"
#include "image/snapshot/snapshot.h"
#include "image/snapshot/zfs_base.h"
#include "image/snapshot/zfs_collect.h"
#include "image/snapshot/zfs_tool.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/owner.h"
#include "os/storage/zfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LAYER     "layer"
#define CONTAINER "container"

/* The file that names a container's dataset. */
#define NOTE           "dataset"
#define NOTE_BYTES_MAX 256

#define KEY_BYTES 16

static int probe(const struct snapshot_place *place, struct lxcri_error *err)
{
	return zfs_base_check(place, err) < 0 ? -1 : 0;
}

static bool can_map(const struct snapshot_place *place)
{
	return rootfs_can_map_dataset(place->dataset);
}

/* Opens the root of a dataset, which stays mounted as long as that is open. */
static int open_dataset(const char *name, int *ret_fd, struct lxcri_error *err)
{
	autoclose int mount = mount_open_dataset(name, NULL);

	*ret_fd = mount < 0 ? mount : openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return fail_code_errno(err, LXCRI_E_ZFS_ERROR, mount < 0 ? mount : errno,
				       "mount the dataset %s", name);
	return 0;
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
	const struct zfs_property property = { ZFS_BASE_KIND, kind };
	int r = zfs_clone(origin, name, &property);

	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "clone %s as %s", origin, name)
		     : 0;
}

static int fill(const char *layer_dir, const char *name, struct lxcri_error *err)
{
	autoclose int fd = -1;
	int r;

	if (open_dataset(name, &fd, err) < 0)
		return -1;
	r = rootfs_merge_layer(layer_dir, fd);
	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "copy the layer %s to %s",
				       layer_dir, name)
		     : 0;
}

static int make_layer(const struct snapshot_place *place, const struct strings *layers,
		      size_t number, struct lxcri_error *err)
{
	const char *layer_dir = layers->items[number];
	autofree char *name = layer_name(place, layer_dir);
	autofree char *ready = ready_name(place, layer_dir);
	autofree char *below =
		number + 1 < layers->count ? ready_name(place, layers->items[number + 1]) : NULL;
	int r;

	/* What a killed process has left. */
	if (zfs_base_destroy(name, LAYER, err) < 0)
		return -1;
	r = below ? make_clone(below, name, LAYER, err)
		  : ZFS_TOOL(NULL, err, "create", "-o", ZFS_BASE_KIND "=" LAYER, name);
	if (r < 0 || fill(layer_dir, name, err) < 0)
		return -1;
	r = zfs_snapshot(ready);
	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "make the snapshot %s", ready)
		     : 0;
}

static int prepare(const struct snapshot_place *place, const struct strings *layers,
		   struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autoclose int lock = -1;
	size_t missing = 0;

	if (layers->count == 0 || is_ready(place, layers->items[0]))
		return 0;
	if (layout_open(place->data_dir, &layout, err) < 0)
		return -1;
	lock = layout_lock(&layout, err);
	if (lock < 0 || zfs_base_make(place, err) < 0)
		return -1;
	while (missing < layers->count && !is_ready(place, layers->items[missing]))
		missing++;
	while (missing-- > 0)
		if (make_layer(place, layers, missing, err) < 0)
			return -1;
	return 0;
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

/* Reads which dataset belongs to the container: *@ret_name is NULL where there is none. 0 or
 * -errno. */
static int read_note(const char *dir, char **ret_name)
{
	autofree char *path = xformat("%s/" NOTE, dir);
	size_t size;
	int r = file_read(AT_FDCWD, path, NOTE_BYTES_MAX, ret_name, &size);

	if (r == -ENOENT) {
		*ret_name = NULL;
		return 0;
	}
	if (r == 0 && !zfs_base_is_name(*ret_name)) {
		freep(ret_name);
		r = -EINVAL;
	}
	return r;
}

static int get_name(const char *dir, char **ret_name, struct lxcri_error *err)
{
	int r = read_note(dir, ret_name);

	if (r == 0 && !*ret_name)
		r = -ENOENT;
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s/" NOTE, dir) : 0;
}

static int shift(const char *name, const struct id_map *owners, struct lxcri_error *err)
{
	const struct owner_change change = { .map = owners };
	autoclose int fd = -1;
	int r;

	if (open_dataset(name, &fd, err) < 0)
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
		r = file_write_atomic(dir, NOTE, name, strlen(name), 0600, FILE_DURABLE);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s/" NOTE, root->dir);
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

	return get_name(root->dir, &name, err) < 0 ? -1 : open_dataset(name, ret_fd, err);
}

static int list_outside(const char *dir, struct strings *names)
{
	autofree char *name = NULL;
	int r = read_note(dir, &name);

	if (r == 0 && name)
		strings_add_consume(names, steal(name));
	return r;
}

static int can_destroy(const char *dir, struct lxcri_error *err)
{
	autofree char *name = NULL;
	int r = read_note(dir, &name);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s/" NOTE, dir);
	r = name ? zfs_open() : 0;
	return r < 0 ? fail_code_errno(err, LXCRI_E_ZFS_ERROR, r,
				       "destroy the dataset %s: ZFS cannot be had", name)
		     : 0;
}

static int destroy(const char *dir, struct lxcri_error *err)
{
	autofree char *name = NULL;
	int r = read_note(dir, &name);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s/" NOTE, dir);
	return name ? zfs_base_destroy(name, CONTAINER, err) : 0;
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

	return read_note(dir, &name) == 0 && name ? used_bytes(name) : 0;
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
};
