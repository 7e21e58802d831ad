/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_FILES_H
#define LXCRI_FILES_H

/* The files of one container, seen from the host: copied in and out, compared with its image.
 * Whatever runs in the container may change them meanwhile; it can't lead a copy out of the
 * container's root. */

#include <lxcri/container.h>

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

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
