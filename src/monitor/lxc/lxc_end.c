/* SPDX-License-Identifier: MIT */
/* The end of an LXC container.
 *
 * Once the first process has ended, liblxc takes apart by hand what it made; above all it moves
 * itself through a third cgroup in every hierarchy, which takes longer than the start of a
 * container. The monitor removes all of that as well, for it must be able to after a kill -9. So
 * this process does not wait for liblxc: it ends where liblxc reaps the first process. liblxc finds
 * this waitpid() before that of libc: the linker exports it, and what the program itself defines
 * comes before what a library has. Where the first process cannot be told, since it is none of a
 * pid namespace of its own, liblxc goes on as it likes. */

#include "monitor/lxc/lxc_end.h"

#include "base/scope.h"
#include "os/file.h"
#include "os/process.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define STATUS_BYTES_MAX (64u << 10)

static bool at_once;

void lxc_end_at_once(void)
{
	at_once = true;
}

/* Tells whether @pid, which nobody has reaped yet, is the first process of a pid namespace below
 * ours: the last of its numbers is 1, and not the only one. */
static bool is_first(pid_t pid)
{
	char path[32];
	autofree char *status = NULL;
	size_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(AT_FDCWD, path, STATUS_BYTES_MAX, &status, &size) < 0)
		return false;

	char *numbers = strstr(status, "\nNSpid:");
	char *end = numbers ? strchr(numbers + 1, '\n') : NULL;

	if (!end)
		return false;
	*end = '\0';

	char *last = strrchr(numbers + 1, '\t');

	return last && strcmp(last, "\t1") == 0 && last > strchr(numbers + 1, '\t');
}

[[gnu::visibility("default")]] pid_t waitpid(pid_t pid, int *status, int options)
{
	siginfo_t info = {};
	int ended;

	if (at_once && pid > 0 &&
	    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | options) == 0 &&
	    info.si_pid == pid && is_first(pid) && wait4(pid, &ended, 0, NULL) == pid)
		_exit(process_exit_code(ended));
	return wait4(pid, status, options, NULL);
}
