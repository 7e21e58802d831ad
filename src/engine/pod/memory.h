/* SPDX-License-Identifier: MIT */
#pragma once

/* What the containers of a pod share in memory: /dev/shm, as they share the IPC namespace, and
 * directories that are to be there. They are mounts on the host, which come and go with the pod's
 * namespaces. */

#include "engine/container.h"
#include "engine/pod/note.h"
#include "lxcri/workload/pod.h"

/* Reads what @options say into *@ret, owned by the caller. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int memory_choose(const struct lxcri_pod_options *options, struct json_object **ret,
				struct lxcri_error *err);

/* Mounts what @note says of @pod. What fails is taken away by memory_down(). */
[[nodiscard]] int memory_up(struct lxcri_container *pod, const struct pod_note *note,
			    struct lxcri_error *err);

/* Takes it away; none is fine. */
[[nodiscard]] int memory_down(struct lxcri_container *pod, struct lxcri_error *err);

/* Makes @spec, of a container of the pod, use the pod's /dev/shm, unless it mounts something else
 * there. */
void memory_share(const struct lxcri_engine *engine, const char *pod, struct json_object *spec);
