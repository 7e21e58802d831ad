/* SPDX-License-Identifier: MIT */
#pragma once

/* What a container uses, as JSON. */

#include "base/json.h"
#include "lxcri/limits.h"

/* Returns @stats in the form that runc's `events --stats` has under "data": cpu.usage.total,
 * memory.usage.limit, pids.current, …; owned by the caller. What is unknown is absent; no limit is
 * absent too. */
[[nodiscard]] struct json_object *stats_format(const struct lxcri_stats *stats);

/* Reads and formats in one. LXCRI_E_INVALID_STATE unless @container is created, running or paused.
 */
[[nodiscard]] int stats_json(struct lxcri_container *container, struct json_object **ret,
			     struct lxcri_error *err);
