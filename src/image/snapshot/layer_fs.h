/* SPDX-License-Identifier: MIT */
#pragma once

/* The inside of lxcri/layer_fs.h. */

#include "image/snapshot/snapshot.h"
#include "lxcri/layer_fs.h"

/* One mount: its directory is locked as long as the handle lives that made it. */
struct layer_mount {
	char *path;
	char *dir;
	int lock;  /* of dir */
	int space; /* the mount namespace; -1 before there is one */
};

struct lxcri_layer_fs {
	struct snapshot_place place;
	char *base;
	const struct snapshot_ops *ops;
	uint64_t grace_seconds;
	struct strings digests; /* of the layers that were added, the first at the bottom */
	struct strings chain_ids;
	struct layer_mount *mounts;
	size_t n_mounts;
};

/* The directory of all mounts below the base, and in each the list of the layers that it has. */
#define LAYER_FS_MOUNTS         "mounts"
#define LAYER_FS_LIST           "layers"
#define LAYER_FS_LIST_BYTES_MAX ((size_t)1 << 20)

/* Returns the fs directories of all layers that were added, topmost first; owned by the caller. */
struct strings layer_fs_layers(const struct lxcri_layer_fs *fs);

/* Ends all mounts. */
void layer_fs_unmount_all(struct lxcri_layer_fs *fs);
