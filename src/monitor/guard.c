/* SPDX-License-Identifier: MIT */
/* The guard is a fork of the monitor that holds two descriptors of processes and sleeps. The
 * parent-death signal would cost nothing, but only a process itself can ask for it, and what runs
 * in a container takes it back by changing its user. It bears the monitor's command line, by which
 * it is found and ended with everything else that a killed monitor has left. */

#include "monitor/guard.h"

#include "base/scope.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

_Noreturn static void guard(int init, int monitor)
{
	struct pollfd polls[] = { { .fd = init, .events = POLLIN },
				  { .fd = monitor, .events = POLLIN } };

	(void)prctl(PR_SET_NAME, "lxcri-guard");
	/* The streams of the container end when it does, not when this has heard of it. */
	for (int fd = 0; fd <= (init > monitor ? init : monitor); fd++)
		if (fd != init && fd != monitor)
			(void)close(fd);
	(void)close_range((unsigned int)(init > monitor ? init : monitor) + 1, ~0u, 0);
	while (polls[0].revents == 0 && polls[1].revents == 0)
		if (poll(polls, ARRAY_LEN(polls), -1) < 0 && errno != EINTR)
			break; /* the next command does what this could not */
	if (polls[1].revents)
		(void)pidfd_send_signal(init, SIGKILL, NULL, 0);
	_exit(EXIT_SUCCESS);
}

int guard_start(pid_t init)
{
	autoclose int init_fd = pidfd_open(init, 0);
	autoclose int monitor_fd = pidfd_open(getpid(), 0);
	pid_t pid;

	if (init_fd < 0 || monitor_fd < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		guard(init_fd, monitor_fd);
	return pid < 0 ? -errno : 0;
}
