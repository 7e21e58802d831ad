/* SPDX-License-Identifier: MIT */
#pragma once

/* What the LXC backend does on the host with nothing but a container's run directory: so it can be
 * done by the container's monitor, and by who comes after a monitor that was killed. */

#include "base/fail.h"

#include <sys/types.h>

enum lxc_hooks_stage {
	LXC_HOOKS_CREATE, /* prestart and createRuntime */
	LXC_HOOKS_START,  /* poststart */
	LXC_HOOKS_STOP,   /* poststop */
};

/* Runs the hooks of the host that belong to @stage, if the container of @run_dir has any. @pid is
 * its first process, or 0. */
[[nodiscard]] int lxc_host_hooks(const char *run_dir, enum lxc_hooks_stage stage, pid_t pid,
				 struct lxcri_error *err);

/* Ends what is left of the processes of the container of @run_dir, removes its cgroups, runs its
 * poststop hooks, and removes what the backend kept. Idempotent, and right for a half-made
 * container and for one of another backend. */
[[nodiscard]] int lxc_clean(const char *run_dir, struct lxcri_error *err);
