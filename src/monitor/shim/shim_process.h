/* SPDX-License-Identifier: MIT */
#pragma once

/* The last steps of a process on its way from us to the user's program, the same for a container's
 * first process and for further ones. */

#include "base/fail.h"
#include "runtime/lxc/lxc_plan.h"

/* What else it needs. */
struct shim_launch {
	const struct lxc_plan_process *process;
	int proc;                  /* a trusted proc file system, or -1: then no label is set */
	unsigned int preserve_fds; /* descriptors from 3 that stay open */
	int report; /* a close-on-exec pipe to which LXC_SYNC_EXEC is written, or -1 */
};

/* Opens a terminal of the devpts at /dev/pts of the process's root, makes it the controlling
 * terminal and the three standard streams, and returns its master, owned by the caller. */
[[nodiscard]] int shim_make_terminal(const struct lxc_plan_process *process,
				     struct lxcri_error *err);

/* Sends the master of a terminal over the connected socket @console. */
[[nodiscard]] int shim_send_terminal(int console, int master, struct lxcri_error *err);

/* Looks for the program of @process in the root of the calling process, as exec would. Fails with
 * the codes of shim_execute(). */
[[nodiscard]] int shim_find_program(const struct lxc_plan_process *process,
				    struct lxcri_error *err);

/* Becomes the program of launch->process: limits, identity, privileges, directory, filter, exec, in
 * the order that each needs. Returns only on failure, with LXCRI_E_COMMAND_NOT_FOUND or
 * LXCRI_E_COMMAND_NOT_EXECUTABLE where the program is the cause; the process is then fit for
 * nothing but exit. */
[[nodiscard]] int shim_execute(const struct shim_launch *launch, struct lxcri_error *err);
