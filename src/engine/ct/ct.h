/* SPDX-License-Identifier: MIT */
#pragma once

/* Containers of the type proxmox-lxc: each is one container (CT) of Proxmox VE, made and run
 * through its API. There is no monitor and no root file system here; the record says which one it
 * is (engine/ct/ct_place.h), and what it is like is asked of the cluster each time. */

#include "engine/bundle.h"
#include "engine/container.h"
#include "image/store.h"
#include "lxcri/limits.h"

#include <json-c/json.h>

/* Tells whether @container is one; a pod of that type is not, but the container in it is. */
static inline bool ct_is(const struct lxcri_container *container)
{
	return container->record.type == LXCRI_PROXMOX_LXC && !container->record.pod;
}

/* Makes the container in the cluster. Its record, which names the image, is saved; that it is to be
 * made is noted there before. What a failure leaves is ct_remove()'s. */
[[nodiscard]] int ct_create(struct lxcri_container *container,
			    const struct lxcri_create_options *options, const struct bundle *bundle,
			    struct lxcri_error *err);

/* Asks for its state. One that is gone from the cluster is stopped, and lost. */
[[nodiscard]] int ct_refresh(struct lxcri_container *container, struct lxcri_error *err);

/* Finds its first process, and whether it is paused, where it runs on this host. */
void ct_look(struct lxcri_container *container);

/* These do what container and lifecycle do for others. The lock is held. */
[[nodiscard]] int ct_start(struct lxcri_container *container, struct lxcri_error *err);
[[nodiscard]] int ct_stop(struct lxcri_container *container, unsigned int grace_seconds,
			  struct lxcri_error *err);
[[nodiscard]] int ct_kill(struct lxcri_container *container, int signal, struct lxcri_error *err);

/* Notes that what ends it next is its service, which starts it again as its policy says. */
[[nodiscard]] int ct_note_end(struct lxcri_container *container, struct lxcri_error *err);

/* As lxcri_container_exec(), with what becomes of its options; it has been entered. */
[[nodiscard]] int ct_exec(struct lxcri_container *container,
			  const struct lxcri_exec_options *options, const char *process_json,
			  bool terminal, struct lxcri_error *err);

/* Sends @signal, any one, to the program of a container that runs on this host. */
[[nodiscard]] int ct_signal(struct lxcri_container *container, int signal, struct lxcri_error *err);

/* These freeze and thaw one that runs on this host. The lock is held. */
[[nodiscard]] int ct_pause(struct lxcri_container *container, struct lxcri_error *err);
[[nodiscard]] int ct_resume(struct lxcri_container *container, struct lxcri_error *err);

/* Thaws one that is to end: frozen it hears of nothing, and where cgroups are of version 1 it
 * cannot even be killed. Elsewhere than on its node nothing is known of that. */
void ct_thaw(struct lxcri_container *container);

/* Removes the container from the cluster, whether it runs or is half-made; none is fine. One that
 * is locked or protected is LXCRI_E_INVALID_STATE. */
[[nodiscard]] int ct_remove(struct lxcri_container *container, struct lxcri_error *err);

/* Gives each volume of @bundle the place in the cluster that it will have, from the first that
 * @spec (NULL: none) does not use, and adds it to the mounts of bundle->spec. */
void ct_name_volumes(struct bundle *bundle, struct json_object *spec);

/* Makes what @next, a copy of the record, is to be once it is in force: the files of its image on a
 * volume of the container, and the process that goes with them. The container may run meanwhile. */
[[nodiscard]] int ct_prepare_next(struct lxcri_container *container, const struct bundle *bundle,
				  struct record *next, struct lxcri_error *err);

/* Makes @next return to the root file system that @previous names. */
[[nodiscard]] int ct_return_to(const struct record *previous, struct record *next,
			       struct lxcri_error *err);

/* Makes the container in the cluster what the record says, where it is not; it has stopped. */
[[nodiscard]] int ct_apply(struct lxcri_container *container, struct lxcri_error *err);

/* Tells whether the end of one that has stopped was asked for in the cluster, by somebody who has
 * not gone through us: 1 or 0, or -1. */
[[nodiscard]] int ct_was_stopped(struct lxcri_container *container, struct lxcri_error *err);

/* Gives it in the cluster the name that @record has: host name, and description by which a lost
 * database is made anew. */
[[nodiscard]] int ct_rename(struct lxcri_container *container, const struct record *record,
			    struct lxcri_error *err);

/* Removes from the cluster what updates that failed or were interrupted have left, and what neither
 * the record nor the one before it names of what they have made. */
[[nodiscard]] int ct_collect(struct lxcri_container *container, struct lxcri_error *err);

struct ct_place;

/* Removes the draft that @place, which is @container's, notes, and the volume that it has given,
 * unless that is its root file system. @config, of the container, may be NULL: there is none. */
[[nodiscard]] int ct_drop_draft(struct lxcri_container *container, struct ct_place *place,
				struct json_object *config, struct lxcri_error *err);

/* Waits @seconds, during which it has to run. LXCRI_E_CONTAINER_START_FAILED. */
[[nodiscard]] int ct_stay(struct lxcri_container *container, unsigned int seconds,
			  struct lxcri_error *err);

/* Waits until it has stopped, @timeout_seconds at most (< 0: for ever). Returns its exit code.
 * LXCRI_E_UNSUPPORTED_OPERATION where that can be told on its node alone, LXCRI_E_TIMEOUT. */
[[nodiscard]] int ct_wait(struct lxcri_container *container, int timeout_seconds,
			  struct lxcri_error *err);

/* Gives it other limits: @resources as linux.resources has them. What the cluster cannot express is
 * LXCRI_E_UNSUPPORTED_OPERATION, and changes nothing. The lock is held. */
[[nodiscard]] int ct_update_limits(struct lxcri_container *container, struct json_object *resources,
				   struct lxcri_error *err);

/* Fills what the cluster tells. */
[[nodiscard]] int ct_stats(struct lxcri_container *container, struct lxcri_stats *ret,
			   struct lxcri_error *err);

/* Adds member "proxmox" to @object: where it is. */
void ct_describe(const struct lxcri_container *container, struct json_object *object);

/* Refuses @verb for a container of this type, saying what does it instead; 0 for all others. */
[[nodiscard]] int ct_refuse(const struct lxcri_container *container, const char *verb,
			    struct lxcri_error *err);
