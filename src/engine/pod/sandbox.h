/* SPDX-License-Identifier: MIT */
#pragma once

/* What the containers of a pod share: namespaces that are there without a process, held by mounts
 * in the pod's run directory, and its places in networks. They go with a stop and a reboot, and are
 * made anew by whoever starts a container of the pod. */

#include "engine/container.h"
#include "engine/pod/note.h"

/* Makes what is missing of @pod, whose lock is held. What goes wrong is undone.
 * LXCRI_E_NETWORK_SETUP_FAILED and what ports and networks have of their own. */
[[nodiscard]] int sandbox_up(struct lxcri_container *pod, const struct pod_note *note,
			     struct lxcri_error *err);

/* Takes all of it away; safe to repeat. The lock is held, or the pod's record about to go.
 * LXCRI_E_NETWORK_CLEANUP_FAILED. */
[[nodiscard]] int sandbox_down(struct lxcri_container *pod, struct lxcri_error *err);

/* Tells whether it is there. */
bool sandbox_is_up(const struct lxcri_engine *engine, const char *pod);

/* Tells whether a part of it is there, which who was killed has left. */
bool sandbox_is_left(const struct lxcri_engine *engine, const char *pod);

/* Makes sure of it before a container of the pod @pod is made or started, whose lock is held. */
[[nodiscard]] int sandbox_need(struct lxcri_engine *engine, const char *pod,
			       struct lxcri_error *err);

/* Makes @spec, of a container of the pod, share it. */
void sandbox_share(const struct lxcri_engine *engine, const char *pod, bool host_network,
		   struct json_object *spec);

/* Puts the interfaces of the pod @id right, or takes them back where it is not there any more. What
 * is no pod is fine. */
[[nodiscard]] int sandbox_reload(struct lxcri_engine *engine, const char *id,
				 struct lxcri_error *err);
