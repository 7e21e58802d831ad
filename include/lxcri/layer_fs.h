/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_LAYER_FS_H
#define LXCRI_LAYER_FS_H

/* A file system of layers without images and containers: layers are unpacked below a directory, and
 * mounted one above the other where nobody else sees it. The directory is not to be that of an
 * engine. One handle belongs to one thread at a time; several processes may share a directory. */

#include <lxcri/error.h>
#include <lxcri/layer.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_layer_fs;

/* Zeroed is what the directory's file system is for, or can carry. */
struct lxcri_layer_fs_options {
	const char *zfs_pool; /* use datasets of ZFS in this pool; or NULL */
	const char
		*zfs_dataset;   /* below which all of them are, in that pool; NULL: proxmox-lxcri */
	uint64_t grace_seconds; /* how long a layer stays that nobody uses; 0: a day */
};

/* Opens the layers below @base_path, which is made when it is missing. @options may be NULL. The
 * caller owns *@ret_fs. LXCRI_E_INITIALIZATION_FAILED, LXCRI_E_ZFS_ERROR. */
int lxcri_layer_fs_create(const char *base_path, const struct lxcri_layer_fs_options *options,
			  struct lxcri_layer_fs **ret_fs, struct lxcri_error *err);

/* Ends all mounts that are left, and frees @fs; NULL is fine. Unpacked layers stay. */
void lxcri_layer_fs_free(struct lxcri_layer_fs *fs);

/* Unpacks @layer, whose bytes are its storage_path, above those that were added before, unless that
 * was done once. Its digest is verified, and what it depends on must have been added.
 * LXCRI_E_DEPENDENCY_ERROR, LXCRI_E_INTEGRITY_CHECK_FAILED, LXCRI_E_EXTRACT_FAILED,
 * LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_STORAGE_ERROR, and those of lxcri_layer_validate(). */
int lxcri_layer_fs_add(struct lxcri_layer_fs *fs, const struct lxcri_layer *layer,
		       struct lxcri_error *err);

/* Mounts all layers that were added, the last on top, at @path, which is made when it is missing,
 * in a mount namespace that only this mount is in: nothing of it reaches others. What is written
 * there is lost with the mount. LXCRI_E_NAMESPACE_ERROR, LXCRI_E_MOUNT_FAILED,
 * LXCRI_E_STORAGE_ERROR, LXCRI_E_ZFS_ERROR. */
int lxcri_layer_fs_mount(struct lxcri_layer_fs *fs, const char *path, struct lxcri_error *err);

/* Opens the root of what is mounted at @path. Returns a descriptor for openat(2), which keeps that
 * from being unmounted and is the caller's to close; LXCRI_E_MOUNT_FAILED. */
int lxcri_layer_fs_open(struct lxcri_layer_fs *fs, const char *path, struct lxcri_error *err);

/* Returns the mount namespace in which something is mounted at @path, for setns(2); borrowed until
 * that is unmounted. LXCRI_E_NAMESPACE_ERROR where nothing is. */
int lxcri_layer_fs_namespace(const struct lxcri_layer_fs *fs, const char *path,
			     struct lxcri_error *err);

/* Ends the mount at @path with all that was written there. LXCRI_E_UNMOUNT_FAILED where nothing is
 * mounted, or somebody uses it; it stays then. */
int lxcri_layer_fs_unmount(struct lxcri_layer_fs *fs, const char *path, struct lxcri_error *err);

/* Removes the layers that were not added here, that no mount of any process has, and that were not
 * used for longer than the grace period, what was used longest ago first, and what processes that
 * were killed have left; with @force however short. What can't be removed keeps nothing else. *@ret
 * is filled also on failure. LXCRI_E_GARBAGE_COLLECTION_FAILED, also for the directory of an
 * engine, whose containers are not known here. */
int lxcri_layer_fs_collect(struct lxcri_layer_fs *fs, bool force, struct lxcri_collected *ret,
			   struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
