/* SPDX-License-Identifier: MIT */
#pragma once

/* The processes of a container, found from its first one. */

#include <sys/types.h>

struct process_entry {
	pid_t pid;
	uid_t uid;        /* effective, on the host */
	char command[64]; /* the kernel's short name for it, or the start of its command line */
};

/* Lists the processes that share the pid namespace of @pid, or, where that is our own, its cgroups;
 * sorted by pid. Returns their number, or -errno (-ESRCH when @pid is gone). *@ret is owned by the
 * caller. */
[[nodiscard]] ssize_t process_list(pid_t pid, struct process_entry **ret);
