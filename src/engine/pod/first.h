/* SPDX-License-Identifier: MIT */
#pragma once

/* What runs in a pod before its other containers. */

#include "engine/engine.h"
#include "engine/pod/note.h"

/* Runs one of them to its good end. */
[[nodiscard]] int first_run(struct lxcri_engine *engine, const struct pod_member *member,
			    struct lxcri_error *err);

/* Has them run once more where the pod @id is not there any more, as after a boot, before one of
 * its other containers is started. Who comes meanwhile waits for it. */
[[nodiscard]] int first_run_again(struct lxcri_engine *engine, const char *id,
				  struct lxcri_error *err);
