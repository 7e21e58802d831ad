/* SPDX-License-Identifier: MIT */
#pragma once

/* The files that the LXC backend keeps below a container's run directory, in LXC_RUNTIME_DIR; known
 * to the monitor and to lxcri-lxc. */

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>

#define LXC_RUNTIME_DIR     "runtime"
#define LXC_RUNTIME_PLAN    "plan"    /* only with hooks of the host */
#define LXC_RUNTIME_SECCOMP "seccomp" /* only with a filter */
#define LXC_RUNTIME_CGROUP  "cgroup"  /* struct lxc_cgroup_names */
#define LXC_RUNTIME_COMMAND "command" /* the socket by which liblxc is asked */

/* Writes the file @name. */
[[nodiscard]] int lxc_runtime_save(const char *run_dir, const char *name, const void *bytes,
				   size_t size, struct lxcri_error *err);

/* Reads the file @name of at most @max bytes; *@ret is owned by the caller, and NULL when there is
 * no such file. */
[[nodiscard]] int lxc_runtime_load(const char *run_dir, const char *name, size_t max, char **ret,
				   size_t *ret_size, struct lxcri_error *err);
