/* SPDX-License-Identifier: MIT */
#pragma once

/* The inside of a pod's handle. A pod's record, directories and lock are those of a container that
 * never has a process, its shell; its places in networks are in the shell's name. */

#include "engine/container.h"
#include "engine/pod/note.h"
#include "engine/roster.h"
#include "lxcri/workload/pod.h"

struct lxcri_pod {
	struct lxcri_engine *engine; /* borrowed */
	struct lxcri_container *shell;
	struct pod_note note;
	struct roster *roster; /* borrowed: where its containers are looked up first; or NULL */
};

static inline void lxcri_pod_freep(struct lxcri_pod **pod)
{
	lxcri_pod_free(*pod);
	*pod = NULL;
}

/* As lxcri_pod_open(), of a whole pod whose record was just read with those of @roster:
 * *@record_consume is empty afterwards. */
[[nodiscard]] int pod_open_known(struct lxcri_engine *engine, struct roster *roster,
				 struct record *record_consume, struct lxcri_pod **ret_pod,
				 struct lxcri_error *err);

/* Takes the pod's lock; one that somebody deleted meanwhile is LXCRI_E_POD_NOT_FOUND. Given back by
 * home_unlock(&pod->shell->home). */
[[nodiscard]] int pod_lock(struct lxcri_pod *pod, struct lxcri_error *err);

/* Removes the containers of @shell, what it has on the host, and its directories and record. Right
 * for a half-made one, and safe to repeat. The lock must be held. */
[[nodiscard]] int pod_teardown(struct lxcri_container *shell, struct lxcri_error *err);

/* As fail_while(), and any failure of the system's becomes @code: what was not given or found has a
 * code that says more. */
[[gnu::format(printf, 3, 4)]] int pod_fail(struct lxcri_error *err, enum lxcri_code code,
					   const char *format, ...);

/* Marks the pod @id as one that is being ended, from here on until the descriptor is closed that is
 * returned, however that happens. -errno. */
[[nodiscard]] int pod_mark_ending(const struct lxcri_engine *engine, const char *id);

/* Tells whether somebody is ending the pod @id. */
bool pod_is_ending(const struct lxcri_engine *engine, const char *id);

/* The same of any pod. */
bool pod_any_is_ending(const struct lxcri_engine *engine);

/* Tells whether a pod is to be talked to: all of its containers run and are well, and nobody is
 * ending it. */
bool pod_is_ready(const struct lxcri_pod_state *state);

/* What the containers of a pod are. */
struct pod_look {
	size_t containers, alive, running, ready;
	size_t created; /* that were never started, of those that run beside each other */
	int64_t restarts;
	bool has_run;
};

/* Adds a container, of those that run at first where @is_first. */
void pod_look_add(struct pod_look *look, const struct lxcri_state *state, bool is_first);

/* Says what that makes of a pod of @note that has containers; id, type and the like are left to the
 * caller. */
void pod_describe(const struct pod_note *note, const struct pod_look *look,
		  struct lxcri_pod_state *ret_state);

/* Reads it. */
[[nodiscard]] int pod_look(struct lxcri_pod *pod, struct pod_look *ret, struct lxcri_error *err);

/* What that makes of the pod. */
enum lxcri_pod_status pod_status(const struct lxcri_pod *pod, const struct pod_look *look);

/* Starts what a killed command has made, and not started. Returns 1, or 0 when there is nothing of
 * that kind. */
[[nodiscard]] int pod_start_left(struct lxcri_pod *pod, struct lxcri_error *err);
