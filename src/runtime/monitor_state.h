/* SPDX-License-Identifier: MIT */
#pragma once

/* The reading of state.json. */

#include "base/strings.h"
#include "runtime/monitor.h"

/* Reads @size bytes that a monitor wrote; `alive` is left false. The cgroups are appended to
 * @cgroups unless it is NULL. */
[[nodiscard]] int monitor_state_parse(const char *json, size_t size,
				      struct monitor_state *ret_state, struct strings *cgroups,
				      struct lxcri_error *err);
