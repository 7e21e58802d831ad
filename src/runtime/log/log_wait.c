/* SPDX-License-Identifier: MIT */
/* How a follower of a file sleeps until there is more. */

#include "runtime/log/log_wait.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>

int log_wait_init(struct log_wait *wait, const char *path, int end_fd, int output_fd)
{
	const char *slash = strrchr(path, '/');
	autofree char *directory =
		slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");

	*wait = (struct log_wait){ .watch = -1, .end_fd = end_fd, .output_fd = output_fd };
	wait->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (wait->watch < 0 || inotify_add_watch(wait->watch, directory,
						 IN_MODIFY | IN_CREATE | IN_MOVE | IN_ONLYDIR) < 0)
		return -errno;
	return 0;
}

void log_wait_finish(struct log_wait *wait)
{
	closep(&wait->watch);
	*wait = LOG_WAIT_NULL;
}

/* Returns how long to sleep, in milliseconds, rounded up. */
static int timeout_to(int64_t until_ns)
{
	int64_t left = (until_ns - moment_now()) / 1000000 + 1;

	if (until_ns == 0)
		return -1;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int log_wait_more(struct log_wait *wait, int64_t until_ns)
{
	struct pollfd polls[] = {
		{ wait->watch, POLLIN, 0 },
		{ wait->end_fd, POLLIN, 0 },
		{ wait->output_fd, 0, 0 },
	};
	char events[4096];
	int ready = poll(polls, ARRAY_LEN(polls), timeout_to(until_ns));

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	while (read(wait->watch, events, sizeof(events)) > 0)
		continue; /* which file it was does not matter */
	if (until_ns > 0 && moment_now() > until_ns)
		return 1;
	return polls[1].revents || polls[2].revents;
}
