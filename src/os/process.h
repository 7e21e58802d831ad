/* SPDX-License-Identifier: MIT */
#pragma once

/* Starting programs and holding processes. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a new program gets. Everything not named here is closed to it. */
struct spawn {
	const char *path;   /* absolute; no PATH search */
	char *const *argv;  /* ended by NULL */
	char *const *env;   /* ended by NULL; NULL means an empty environment */
	const int *fds;     /* fds[i] becomes descriptor i of the program; -1 means /dev/null */
	unsigned int n_fds; /* at least 3 */
	bool new_group;     /* it leads a process group of its own */
	bool dies_with_us;  /* it is killed when the calling process ends */
};

/* Starts a program with default signal actions and an empty signal mask. The cost does not depend
 * on the size of the caller. Returns the pid, which the caller must reap, or -errno when it could
 * not be executed. */
[[nodiscard]] pid_t process_spawn(const struct spawn *spawn);

/* The same for a program that outlives its starter: it becomes nobody's child to reap. 0 or -errno.
 */
[[nodiscard]] int process_spawn_detached(const struct spawn *spawn);

/* Gives every signal its default action, also the two that sigaction() refuses because the C
 * library keeps them for itself: who started us may have ignored them. Safe after vfork(). */
void process_reset_signals(void);

/* Makes those of the three standard streams that the caller of this program has closed an empty
 * file that cannot be written: else the next file that is opened would be one of them, and be
 * written to or given to a container. To be called first of all. 0 or -errno. */
[[nodiscard]] int process_fill_streams(void);

/* Waits for the child @pid. Returns its wait status, or -errno. */
[[nodiscard]] int process_wait(pid_t pid);

/* The same for at most @timeout_ms: then it is killed, and -ETIMEDOUT is returned. */
[[nodiscard]] int process_wait_for(pid_t pid, int timeout_ms);

/* Returns the exit code that a shell would show for a wait status: the code, or 128 + signal. */
int process_exit_code(int wait_status);

/* Reads when @pid started, in clock ticks since boot: with the pid, the name of one process for
 * ever. Returns 0, -ESRCH when there is none, or another -errno when that cannot be told. */
[[nodiscard]] int process_start_time(pid_t pid, uint64_t *ret_ticks);

/* Tells whether @pid is on its way out, or gone, though its parent may not have heard of it yet.
 * One that has been killed is, though it may not have had the time to notice. */
bool process_is_ending(pid_t pid);

/* Opens a descriptor of the process @pid, which is readable once it has ended. Returns it, or
 * -errno: -ESRCH when there is none, also when its number still is that of its group or session. */
[[nodiscard]] int process_open(pid_t pid);

/* Sends @signal to the process that is @pid and was started at @start_time. Returns 0, -ESRCH
 * when that process is gone, also when its number has passed to another, or another -errno. */
[[nodiscard]] int process_signal(pid_t pid, uint64_t start_time, int signal);

/* Tells whether this process has other threads than the calling one, or may have. */
bool process_has_threads(void);
