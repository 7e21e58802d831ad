/* SPDX-License-Identifier: MIT */
/* Running the hooks of a runtime specification.
 *
 * The state document lies in a memfd, not in a pipe: a hook that does not read its input cannot
 * block us, and one that exits early raises no SIGPIPE. */

#include "runtime/hook.h"

#include "base/calls.h"
#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

static int open_state(const struct hook_state *state, struct lxcri_error *err)
{
	autoclose int fd = memfd_create("state", MFD_CLOEXEC);
	autofree char *pid = state->pid > 0 ? xformat(",\"pid\":%d", (int)state->pid) : xstrdup("");
	autofree char *text = xformat("%s\"%s\"%s%s", state->head, state->status, pid, state->tail);
	int r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return fail_errno(err, r, "write the state for a hook");
	return steal_fd(&fd);
}

/* Waits for @pid, for at most @seconds unless 0. Returns its wait status, or -errno
 * (-ETIMEDOUT), having killed it and its group. */
static int wait_bounded(pid_t pid, uint32_t seconds)
{
	autoclose int pidfd = pidfd_open(pid, 0);
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int timeout = seconds == 0                 ? -1
		      : seconds > INT32_MAX / 1000 ? INT32_MAX
						   : (int)seconds * 1000;
	int ready;

	int problem = pidfd < 0 ? -errno : -ETIMEDOUT;

	do {
		ready = pidfd < 0 ? 0 : poll(&end, 1, timeout);
	} while (ready < 0 && errno == EINTR);
	if (ready == 1)
		return process_wait(pid);
	if (ready < 0)
		problem = -errno;
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	(void)process_wait(pid);
	return problem;
}

static int run(const struct lxc_plan_hook *hook, int input, struct lxcri_error *err)
{
	char *by_path[] = { hook->path, NULL };
	const int fds[] = { input, STDERR_FILENO, STDERR_FILENO };
	struct spawn spawn = {
		.path = hook->path,
		.argv = hook->args.count > 0 ? hook->args.items : by_path,
		.env = hook->env.items,
		.fds = fds,
		.n_fds = ARRAY_LEN(fds),
		.new_group = true,
		.dies_with_us = true,
	};
	pid_t pid = process_spawn(&spawn);

	if (pid < 0)
		return fail_errno(err, pid, "execute %s", hook->path);

	int status = wait_bounded(pid, hook->timeout_seconds);

	if (status == -ETIMEDOUT)
		return fail(err, LXCRI_E_TIMEOUT, "%s did not end within %u seconds", hook->path,
			    hook->timeout_seconds);
	if (status < 0)
		return fail_errno(err, status, "wait for %s", hook->path);
	if (WIFSIGNALED(status))
		return fail(err, LXCRI_E_SYSTEM, "%s was killed by signal %d", hook->path,
			    WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return fail(err, LXCRI_E_SYSTEM, "%s exited with %d", hook->path,
			    WEXITSTATUS(status));
	return 0;
}

int hooks_run(const struct lxc_plan_hooks *hooks, const char *stage, const struct hook_state *state,
	      struct lxcri_error *err)
{
	for (size_t i = 0; i < hooks->count; i++) {
		autoclose int input = open_state(state, err);

		if (input < 0 || run(&hooks->items[i], input, err) < 0)
			return fail_while(err, "run hook %s[%zu]", stage, i);
	}
	return 0;
}
