/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_FILES_H
#define LXCRI_FILES_H

/* The files of containers, seen from the host: copied in and out, compared with the image; and
 * volumes. Whatever runs in a container may change its files meanwhile; it can't lead a copy out of
 * the container's root. */

#include <lxcri/container.h>
#include <lxcri/system.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_copy_options {
	const char *host_path; /* NULL: a tar stream */
	int stream_fd;         /* that stream, read from or written to */
	bool archive;          /* owners (the container's numbers), set-id bits, capabilities */
	bool follow;           /* a source that is a symlink stands for what it leads to */
};

/* Copies a file or a tree into the container, to @path there (a relative one begins at its root).
 * Into a directory that exists it goes under its own name, or, where the source ends in "/.", its
 * content does; else @path becomes its name, whose directory must exist. A stream is unpacked into
 * the directory @path. Without `archive` all belongs to the container's root. Works on a created,
 * running, paused or stopped container; in one that runs it sees volumes and mounts as the
 * container does, in a stopped one volumes only. A file appears complete or not at all.
 * LXCRI_E_PATH_NOT_FOUND, LXCRI_E_INVALID_ARGUMENT, LXCRI_E_EXTRACT_FAILED for a malformed stream,
 * LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_COPY_FAILED. */
int lxcri_container_copy_in(struct lxcri_container *container, const char *path,
			    const struct lxcri_copy_options *options, struct lxcri_error *err);

/* Copies @path of the container to the host by the same rules; to a stream it is written under its
 * own name with the container's owners. Without `archive` all belongs to the caller. */
int lxcri_container_copy_out(struct lxcri_container *container, const char *path,
			     const struct lxcri_copy_options *options, struct lxcri_error *err);

/* What happened to a path since the container was made. */
enum lxcri_change {
	LXCRI_CHANGE_ADDED = 'A',
	LXCRI_CHANGE_CHANGED = 'C',
	LXCRI_CHANGE_DELETED = 'D',
};

/* Called for each path; @path begins with "/" and is valid during the call. A value < 0 ends the
 * comparison. */
typedef int (*lxcri_change_fn)(void *userdata, enum lxcri_change change, const char *path);

/* Compares the root file system of a container made from an image with that image, directories
 * before what is in them. Volumes and other mounts are no part of either. A container of a bundle
 * is LXCRI_E_UNSUPPORTED_OPERATION, and an image that was removed LXCRI_E_IMAGE_NOT_FOUND. */
int lxcri_container_diff(struct lxcri_container *container, lxcri_change_fn each, void *userdata,
			 struct lxcri_error *err);

/* Gives a stopped container made from an image the id @new_id, with all that it has. Killed at any
 * moment it leaves the container under the old id or the new one. LXCRI_E_INVALID_STATE unless it
 * is stopped, LXCRI_E_CONTAINER_EXISTS, LXCRI_E_UNSUPPORTED_OPERATION for one of a bundle,
 * LXCRI_E_STORAGE_ERROR. The handle is of a container that no longer exists then. */
int lxcri_container_rename(struct lxcri_container *container, const char *new_id,
			   struct lxcri_error *err);

/* Volumes are directories that outlive containers. One comes to be when a container first names it,
 * or by lxcri_volume_create(). */

struct lxcri_volume_options {
	const char *name;          /* [A-Za-z0-9][A-Za-z0-9_.-]*; NULL: one is made up */
	const char *const *labels; /* NAME=VALUE, ended by NULL; NULL: none */
};

/* Makes an empty volume. One of that name and these labels is a success. *@ret_name is owned by the
 * caller (free()); NULL: not wanted. LXCRI_E_INVALID_ARGUMENT for a bad name or label,
 * LXCRI_E_INVALID_STATE where there is one with other labels, LXCRI_E_STORAGE_ERROR. */
int lxcri_volume_create(struct lxcri_engine *engine, const struct lxcri_volume_options *options,
			char **ret_name, struct lxcri_error *err);

/* A volume. Texts are valid during the call only. */
struct lxcri_volume_info {
	const char *name;
	const char *mountpoint;    /* on the host; its owner may be in a user namespace */
	int64_t created_ns;        /* 0: an earlier release made it */
	const char *const *labels; /* NAME=VALUE, ended by NULL */
	const char *const *users;  /* ids of the containers that mount it, ended by NULL */
	const char *owner;         /* the container with which it goes, or NULL */
	bool is_anonymous;
};

/* A value < 0 ends the listing, and is a failure. */
typedef int (*lxcri_volume_fn)(void *userdata, const struct lxcri_volume_info *info);

/* Lists all volumes, sorted by name. */
int lxcri_volume_list(struct lxcri_engine *engine, lxcri_volume_fn each, void *userdata,
		      struct lxcri_error *err);

/* Finds one; an unknown one is LXCRI_E_PATH_NOT_FOUND. */
int lxcri_volume_find(struct lxcri_engine *engine, const char *name, lxcri_volume_fn found,
		      void *userdata, struct lxcri_error *err);

/* Returns what is known of a volume as one JSON object, owned by the caller (free()): see
 * volume-inspect.schema.json. LXCRI_E_PATH_NOT_FOUND. */
int lxcri_volume_inspect_json(struct lxcri_engine *engine, const char *name, char **ret_json,
			      struct lxcri_error *err);

/* Removes a volume with all that is in it. One that a container mounts, also a stopped one, is
 * LXCRI_E_INVALID_STATE, which names them; an unknown one is LXCRI_E_PATH_NOT_FOUND. */
int lxcri_volume_remove(struct lxcri_engine *engine, const char *name, struct lxcri_error *err);

/* Removes the volumes that no container mounts and nothing that was applied claims, those without a
 * name of their own or, with `all`, every one, and reports each with what it gave back. `volumes`
 * means nothing. *@ret is filled also on failure; NULL is fine. */
int lxcri_volume_prune(struct lxcri_engine *engine, const struct lxcri_prune_options *options,
		       lxcri_usage_fn report, void *userdata, struct lxcri_collected *ret,
		       struct lxcri_error *err);

/* Writes what is in a volume to @fd as a tar archive, with owners as they are on the disk. What is
 * written to it meanwhile is in it or not. LXCRI_E_PATH_NOT_FOUND, LXCRI_E_COPY_FAILED. */
int lxcri_volume_export(struct lxcri_engine *engine, const char *name, int fd,
			struct lxcri_error *err);

/* Makes of the tar archive @fd, also a compressed one, the content of the volume @name: all of it,
 * at once or not at all. A volume that is missing is made; the containers of one that is there must
 * have stopped, else LXCRI_E_INVALID_STATE. Nothing is made outside of it, whatever the archive
 * says; devices are refused. LXCRI_E_EXTRACT_FAILED, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_COPY_FAILED,
 * LXCRI_E_STORAGE_ERROR. */
int lxcri_volume_import(struct lxcri_engine *engine, const char *name, int fd,
			struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
