/* SPDX-License-Identifier: MIT */
/* Layers without images and containers: which there are. */

#include "image/snapshot/layer_fs.h"

#include "base/mem.h"
#include "base/scope.h"
#include "image/layout.h"
#include "image/worker.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define GRACE_SECONDS 86400
#define OWN_DATASET   "proxmox-lxcri"

/* Makes @err one of @code, whatever was behind it. Returns -1. */
static int fail_of(struct lxcri_error *err, enum lxcri_code code, const char *doing)
{
	err->code = code;
	return fail_while(err, "%s", doing);
}

static int choose_driver(struct lxcri_layer_fs *fs, const struct lxcri_layer_fs_options *options,
			 struct lxcri_error *err)
{
	static const struct snapshot_ops *const plain[] = { &snapshot_btrfs, &snapshot_overlay };
	struct lxcri_error ignored;

	fs->ops = &snapshot_dir;
	for (size_t i = 0; !options->zfs_pool && i < ARRAY_LEN(plain); i++)
		if (plain[i]->probe(&fs->place, &ignored) == 0) {
			fs->ops = plain[i];
			return 0;
		}
	if (!options->zfs_pool)
		return 0;
	fs->ops = &snapshot_zfs;
	fs->place.dataset = xformat("%s/%s", options->zfs_pool,
				    options->zfs_dataset ? options->zfs_dataset : OWN_DATASET);
	return snapshot_zfs.probe(&fs->place, err) == 0
		       ? 0
		       : fail_of(err, LXCRI_E_ZFS_ERROR, "use ZFS for layers");
}

int lxcri_layer_fs_create(const char *base_path, const struct lxcri_layer_fs_options *options,
			  struct lxcri_layer_fs **ret_fs, struct lxcri_error *err)
{
	static const struct lxcri_layer_fs_options defaults = {};
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	struct lxcri_layer_fs *fs;

	if (!options)
		options = &defaults;
	if (layout_create(base_path, &layout, err) < 0)
		return fail_of(err, LXCRI_E_INITIALIZATION_FAILED, "open a layer file system");
	fs = xnew(struct lxcri_layer_fs);
	fs->base = xstrdup(layout.data_dir);
	fs->place.data_dir = fs->base;
	fs->grace_seconds = options->grace_seconds ? options->grace_seconds : GRACE_SECONDS;
	if (choose_driver(fs, options, err) < 0) {
		lxcri_layer_fs_free(fs);
		return -1;
	}
	*ret_fs = fs;
	return 0;
}

void lxcri_layer_fs_free(struct lxcri_layer_fs *fs)
{
	if (!fs)
		return;
	layer_fs_unmount_all(fs);
	free(fs->mounts);
	strings_finish(&fs->digests);
	strings_finish(&fs->chain_ids);
	snapshot_place_finish(&fs->place);
	free(fs->base);
	free(fs);
}

struct strings layer_fs_layers(const struct lxcri_layer_fs *fs)
{
	struct strings layers = {};

	for (size_t i = fs->chain_ids.count; i-- > 0;)
		strings_addf(&layers, "%s/layers/%s/" LAYOUT_TREE, fs->base,
			     fs->chain_ids.items[i]);
	return layers;
}

static int check_dependencies(const struct lxcri_layer_fs *fs,
			      const struct lxcri_layer_metadata *metadata, struct lxcri_error *err)
{
	for (size_t i = 0; i < metadata->n_dependencies; i++)
		if (!strings_has(&fs->digests, metadata->dependencies[i]))
			return fail(err, LXCRI_E_DEPENDENCY_ERROR,
				    "layer %s needs %s below it, which was not added",
				    metadata->digest, metadata->dependencies[i]);
	return 0;
}

/* Has the worker unpack the bytes of @fd. Returns the chain id, owned by the caller, or NULL. */
static char *unpack(const struct lxcri_layer_fs *fs, const char *digest, int fd,
		    struct lxcri_error *err)
{
	autorun(strings_finish) struct strings args = {};
	autojson answer = NULL;
	const char *chain_id;

	strings_add(&args, WORKER_LAYER_ADD);
	strings_add(&args, fs->base);
	strings_add(&args, digest);
	for (size_t i = fs->chain_ids.count; i-- > 0;)
		strings_add(&args, fs->chain_ids.items[i]);

	const struct worker_call call = { .program = "lxcri-worker",
					  .args = (const char *const *)args.items,
					  .object = digest };

	if (worker_ask(&call, fd, &answer, err) < 0)
		return NULL;
	chain_id = json_get_text(answer, WORKER_DIGEST);
	if (!chain_id)
		(void)fail(err, LXCRI_E_STORAGE_ERROR, "layer %s: the worker gave no name", digest);
	return xstrdup(chain_id);
}

int lxcri_layer_fs_add(struct lxcri_layer_fs *fs, const struct lxcri_layer *layer,
		       struct lxcri_error *err)
{
	const struct lxcri_layer_metadata *metadata = lxcri_layer_metadata(layer);
	autofree char *chain_id = NULL;
	autoclose int fd = -1;

	if (lxcri_layer_validate(layer, err) < 0 || check_dependencies(fs, metadata, err) < 0)
		return -1;
	if (!metadata->storage_path)
		return fail(err, LXCRI_E_STORAGE_ERROR, "layer %s has no storage path",
			    metadata->digest);
	fd = open(metadata->storage_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "layer %s: open %s",
				       metadata->digest, metadata->storage_path);
	chain_id = unpack(fs, metadata->digest, fd, err);
	if (!chain_id)
		return -1;
	strings_add(&fs->digests, metadata->digest);
	strings_add(&fs->chain_ids, chain_id);
	return 0;
}

/* -- garbage */

static void count(void *userdata, enum collect_part part, const char *name, uint64_t bytes)
{
	struct lxcri_collected *collected = userdata;

	collected->layers_removed += part == COLLECT_LAYER;
	collected->bytes_freed += bytes;
}

static void count_failure(void *userdata, enum collect_part part, const char *name, int errnum)
{
	struct lxcri_collected *collected = userdata;

	collected->errors++;
}

/* Adds what the mount in @dir stands on; without an owner it is removed instead. */
static int look_at_mount(const char *dir, struct strings *in_use, struct lxcri_error *err)
{
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofree char *list = NULL;
	char *at = NULL;
	size_t size;
	int r = fd < 0 ? -errno : flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;

	if (r == 0) {
		if (snapshot_destroy(dir, err) < 0)
			return -1;
		r = path_remove_tree(AT_FDCWD, dir);
		return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "remove %s", dir) : 0;
	}
	if (r == -EWOULDBLOCK)
		r = file_read(fd, LAYER_FS_LIST, LAYER_FS_LIST_BYTES_MAX, &list, &size);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "look at %s", dir);
	for (char *line = strtok_r(list, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
		strings_add(in_use, line);
	return 0;
}

static int look_at_mounts(const struct lxcri_layer_fs *fs, struct strings *in_use,
			  struct strings *roots, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" LAYER_FS_MOUNTS, fs->base);
	autorun(strings_finish) struct strings names = {};
	int r = path_list_shown(path, &names);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "list %s", path);
	for (size_t i = 0; i < names.count; i++) {
		autofree char *dir = xformat("%s/%s", path, names.items[i]);

		if (look_at_mount(dir, in_use, err) < 0)
			return -1;
	}
	return snapshot_list_outside(path, roots, err);
}

static int collect(const struct lxcri_layer_fs *fs, uint64_t grace_seconds,
		   struct lxcri_collected *collected, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(strings_finish) struct strings in_use = layer_fs_layers(fs);
	autorun(strings_finish) struct strings roots = {};
	autojson index = NULL;
	autoclose int lock = -1;
	const struct collect_options options = {
		.layers_in_use = &in_use,
		.roots_in_use = &roots,
		.dataset = fs->place.dataset,
		.grace_seconds = grace_seconds,
		.removed = count,
		.failed = count_failure,
		.userdata = collected,
	};

	if (layout_open(fs->base, &layout, err) < 0)
		return -1;
	lock = layout_lock(&layout, err);
	if (lock < 0 || look_at_mounts(fs, &in_use, &roots, err) < 0 ||
	    layout_read_index(&layout, &index, err) < 0)
		return -1;
	return collect_garbage(&layout, index, &options, err);
}

int lxcri_layer_fs_collect(struct lxcri_layer_fs *fs, bool force, struct lxcri_collected *ret,
			   struct lxcri_error *err)
{
	autofree char *records = xformat("%s/state.db", fs->base);

	*ret = (struct lxcri_collected){};
	if (path_exists(records) != 0) {
		ret->errors = 1;
		return fail(err, LXCRI_E_GARBAGE_COLLECTION_FAILED,
			    "%s is the directory of an engine; use lxcri_system_prune()", fs->base);
	}
	if (collect(fs, force ? 0 : fs->grace_seconds, ret, err) == 0)
		return 0;
	if (ret->errors == 0)
		ret->errors = 1;
	return fail_of(err, LXCRI_E_GARBAGE_COLLECTION_FAILED, "collect unused layers");
}
