/* SPDX-License-Identifier: MIT */
#pragma once

/* The processes of a container, found from its first one. */

#include <stdint.h>
#include <sys/types.h>

struct process_entry {
	pid_t pid;
	pid_t inner_pid;  /* in the pid namespace of the first one */
	uid_t uid;        /* effective, on the host */
	char command[64]; /* the kernel's short name for it, or the start of its command line */
};

/* Lists the processes in the pid namespace of @pid and in those below it, or, where it is our own,
 * those that share its cgroups; sorted by pid. Returns their number, or -errno (-ESRCH when @pid is
 * gone). *@ret is owned by the caller. */
[[nodiscard]] ssize_t process_list(pid_t pid, struct process_entry **ret);

/* What can be told of one process besides. */
struct process_details {
	pid_t parent;    /* on the host */
	uid_t uid;       /* effective, on the host */
	char state;      /* as ps shows it: R, S, D, T, Z, ... */
	uint64_t cpu_ms; /* of processor time, in user and system mode */
	uint64_t age_ms; /* since it started */
	uint64_t rss_bytes;
	char command[1024]; /* the start of its command line, or the kernel's name in brackets */
};

/* Looks at the process @pid. 0, or -ESRCH when it is gone. */
[[nodiscard]] int process_look(pid_t pid, struct process_details *ret);
