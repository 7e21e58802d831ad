/* SPDX-License-Identifier: MIT */
#pragma once

/* Scopes of systemd: a container's monitor and its processes in a unit of their own, below which
 * the cgroups are ours. lxcri-scope does the talking. */

#include "base/fail.h"
#include "base/strings.h"

#include <stdbool.h>

/* Tells whether systemd is the first process and has version 2 of cgroups alone. */
bool scope_is_possible(void);

/* Returns the path of @scope in the slice @slice below the root of the cgroups: "a-b.slice" lies in
 * "a.slice". Owned by the caller. */
[[nodiscard]] char *scope_cgroup(const char *slice, const char *scope);

/* Refuses what is no name of a slice. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int scope_check_slice(const char *slice, struct lxcri_error *err);

/* Puts the calling process into a new scope, and there into a cgroup "monitor".
 * LXCRI_E_RUNTIME_INIT_FAILED with systemd's words. @helper_dir is where lxcri-scope lies. */
[[nodiscard]] int scope_enter(const char *helper_dir, const char *slice, const char *scope,
			      const struct strings *properties, struct lxcri_error *err);

/* Gives a scope other properties. Errors as scope_enter(). */
[[nodiscard]] int scope_change(const char *helper, const char *scope,
			       const struct strings *properties, struct lxcri_error *err);

/* The cgroup in a scope that the container's processes are in. */
#define SCOPE_CONTAINER "container"
