/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_UPDATE_H
#define LXCRI_UPDATE_H

/* Another image for a container that stays what it is: name, ids, limits, mounts, volumes and log,
 * and what its user asked for. What was the old image's becomes the new one's. What the container
 * has written outside of volumes stays with the old root file system, which is kept for a rollback
 * until the next update. */

#include <lxcri/container.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Zeroed members mean: as described. */
struct lxcri_image_update_options {
	const char *image;           /* required for an update: as in lxcri_create_options */
	enum lxcri_pull_policy pull; /* of a name */
	lxcri_pull_fn pull_progress; /* called while its image is pulled; or NULL */
	void *pull_userdata;
	unsigned int grace_seconds;  /* between the stop signal and the kill */
	const char *health_command;  /* a line for /bin/sh in the container that exits with 0 when
					all is well; NULL: for an update the check that the container
					has then, for a rollback none */
	unsigned int health_seconds; /* within which it has to do so once; 0: 60 */
	int settle_seconds; /* how long it has to go on running; 0: 3, < 0: no gate at all */
};

/* Makes the root file system of another image while the container runs, stops it, puts it on that
 * root, starts it if it ran, and looks whether it stays and is well. Where it does not, the old
 * root comes back and is started, and that is a failure, LXCRI_E_CONTAINER_START_FAILED. A command
 * that is killed leaves the container on the one or the other root, at worst stopped; volumes are
 * never touched. Returns 1, or 0 when the container has that image already. LXCRI_E_INVALID_STATE
 * for a paused one, LXCRI_E_UNSUPPORTED_OPERATION for what is no container of an image, or goes
 * when it ends; else what creating fails with. */
int lxcri_container_update_image(struct lxcri_container *container,
				 const struct lxcri_image_update_options *options,
				 struct lxcri_error *err);

/* Puts the container back on the root file system from before its last update, with what it had
 * written there, in the same way; a second rollback undoes the first. `image` and `pull` of
 * @options (NULL: zeroed) mean nothing. LXCRI_E_INVALID_STATE where there is none. */
int lxcri_container_rollback(struct lxcri_container *container,
			     const struct lxcri_image_update_options *options,
			     struct lxcri_error *err);

/* Returns the updates and rollbacks of the container, the oldest first, as an array of JSON objects
 * {time, action, image, digest, fromImage, fromDigest, result, error}; owned by the caller
 * (free()). The last fifty are kept. The result is "done", "reverted", or "started" of one whose
 * command was killed before it knew. */
int lxcri_container_history_json(struct lxcri_container *container, char **ret_json,
				 struct lxcri_error *err);

/* Whether a registry has another image under the name that a container was made from. Texts are
 * valid during the call only. */
struct lxcri_update_check {
	const char *id;
	const char *image;
	const char *digest;    /* that it has */
	const char *available; /* that the registry has; NULL: it could not be told */
	bool outdated;
	const struct lxcri_error *error; /* why it could not be told, or NULL */
};

typedef void (*lxcri_update_check_fn)(void *userdata, const struct lxcri_update_check *check);

/* Asks the registries of all containers of images, or of those called @ids (ended by NULL), and
 * reports each. Nothing is fetched but manifests. Returns how many are outdated, or < 0. */
int lxcri_update_check(struct lxcri_engine *engine, const char *const *ids,
		       lxcri_update_check_fn report, void *userdata, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
