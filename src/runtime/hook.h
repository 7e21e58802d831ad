/* SPDX-License-Identifier: MIT */
#pragma once

/* Running the hooks of a runtime specification, on the host or inside. */

#include "runtime/lxc/lxc_plan.h"

#include <sys/types.h>

/* Which state the hook is told on its standard input. */
struct hook_state {
	const char *head; /* the document up to the value of "status" */
	const char *tail; /* what follows the value of "pid" */
	const char *status;
	pid_t pid; /* 0: the document has none */
};

/* Runs @hooks in order. Each gets exactly its args and env, the state document on standard input,
 * and the caller's standard error; one that outlives its timeout is killed with its process group.
 * The first that does not exit with 0 ends the run and is the error, which names @stage. */
[[nodiscard]] int hooks_run(const struct lxc_plan_hooks *hooks, const char *stage,
			    const struct hook_state *state, struct lxcri_error *err);
