/* SPDX-License-Identifier: MIT */
/* What nobody needs of our datasets. A layer's can go when no clone of its snapshot is left, that
 * is, after those above it: so all are tried as long as one goes. */

#include "image/snapshot/zfs_collect.h"

#include "base/mem.h"
#include "base/scope.h"
#include "image/snapshot/zfs_base.h"
#include "os/storage/zfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_kept(const struct strings *layers, const char *name)
{
	const char *chain_id = strrchr(name, '/') + 1;
	autofree char *ready = xformat("%s" ZFS_BASE_READY, name);

	return layers->count > 0 && zfs_exists(ready) &&
	       bsearch(&chain_id, layers->items, layers->count, sizeof(layers->items[0]),
		       compare_texts);
}

/* Returns 1 when the layer's dataset is gone, 0 when something stands on it still. */
static int destroy_layer(const char *name, struct lxcri_error *err)
{
	autofree char *ready = xformat("%s" ZFS_BASE_READY, name);
	int r = zfs_exists(ready) ? zfs_destroy(ready) : 0;

	if (r == -EEXIST || r == -EBUSY)
		return 0;
	if (r < 0 && r != -ENOENT)
		return fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "destroy the snapshot %s", ready);
	return zfs_base_destroy(name, "layer", err) < 0 ? -1 : 1;
}

static int destroy_layers(struct strings *names, struct lxcri_error *err)
{
	for (size_t gone = 1; gone > 0;) {
		gone = 0;
		for (size_t i = 0; i < names->count; i++) {
			int r = names->items[i][0] ? destroy_layer(names->items[i], err) : 0;

			if (r < 0)
				return -1;
			if (r > 0)
				names->items[i][0] = '\0';
			gone += (size_t)r;
		}
	}
	return 0;
}

static int collect_layers(const struct snapshot_place *place, const struct strings *layers,
			  struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	autofree char *parent = xformat("%s/layers", place->dataset);

	if (zfs_base_list(parent, "layer", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (is_kept(layers, names.items[i]))
			names.items[i][0] = '\0';
	return destroy_layers(&names, err);
}

/* Those of @kind in the dataset @group of ours, which directories have to note. */
static int collect_noted(const struct snapshot_place *place, const char *group, const char *kind,
			 const struct strings *in_use, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	autofree char *parent = xformat("%s/%s", place->dataset, group);

	if (zfs_base_list(parent, kind, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (!strings_has(in_use, names.items[i]) &&
		    zfs_base_destroy(names.items[i], kind, err) < 0)
			return -1;
	return 0;
}

int zfs_collect(const struct snapshot_place *place, const struct strings *layers,
		const struct collect_options *options, struct lxcri_error *err)
{
	const struct strings *in_use = options->roots_in_use;
	struct lxcri_error ignored;

	/* Where it is not ours, or cannot be had, there is nothing of ours. */
	if (options->dry_run || !place->dataset || zfs_base_check(place, &ignored) <= 0)
		return 0;
	if (in_use && (collect_noted(place, "containers", "container", in_use, err) < 0 ||
		       collect_noted(place, ZFS_BASE_PREPARED, ZFS_BASE_IMAGE, in_use, err) < 0))
		return -1;
	return collect_layers(place, layers, err);
}
