/* SPDX-License-Identifier: MIT */
/* Whether a container that was just started stays and is well.
 *
 * The check is run by the command's own exec, in a process that can be ended: no answer is an
 * answer too. */

#include "engine/update/gate.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_node.h"
#include "os/file.h"
#include "os/helper.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PID_FILE "gate.pid"
#define PAUSE_MS 250 /* from one check to the next */
#define MS_IN_S  1000

/* What tells of the container's end: its monitor, or, of one of Proxmox VE, its first process. */
struct watch {
	struct monitor *monitor;
	int end_fd;
};

static void watch_finish(struct watch *watch)
{
	/* The descriptor of a monitor's is its own. */
	if (watch->monitor)
		monitor_free(steal(watch->monitor));
	else
		closep(&watch->end_fd);
}

/* Waits @timeout_ms for the end of the container, which is a failure. */
static int stay(const struct watch *watch, int timeout_ms, struct lxcri_error *err)
{
	struct pollfd item = { .fd = watch->end_fd, .events = POLLIN };
	int code;

	if (!watch->monitor)
		return poll(&item, 1, timeout_ms) > 0
			       ? fail(err, LXCRI_E_CONTAINER_START_FAILED, "it has ended")
			       : 0;
	code = monitor_wait(watch->monitor, timeout_ms, err);

	if (code >= 0)
		return fail(err, LXCRI_E_CONTAINER_START_FAILED, "it ended with code %d", code);
	if (err->code != LXCRI_E_TIMEOUT)
		return -1;
	*err = (struct lxcri_error){};
	return 0;
}

/* Kills what the check has started in the container, whose pid stands in @pid_file. */
static void kill_named(const char *pid_file)
{
	autofree char *text = NULL;
	uint64_t pid;
	size_t size;

	if (file_read(AT_FDCWD, pid_file, 32, &text, &size) == 0 &&
	    text_parse_u64(text, 2, INT32_MAX, &pid) == 0)
		(void)kill((pid_t)pid, SIGKILL);
}

static pid_t start_check(const struct lxcri_container *container, const struct strings *check,
			 const char *pid_file)
{
	static const int fds[] = { -1, -1, -1 };
	const char *config = config_file(container->engine->config);
	autorun(strings_finish) struct strings words = {};
	const char *const first[] = { "--root", container->engine->root,
				      "--data", container->engine->data,
				      "exec",   "--pid-file",
				      pid_file, container->home.id };

	strings_add_consume(&words, helper_command_path());
	if (config) {
		strings_add(&words, "--config");
		strings_add(&words, config);
	}
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		strings_add(&words, first[i]);
	strings_add_all(&words, check);

	const struct spawn spawn = { .path = words.items[0],
				     .argv = words.items,
				     .env = environ,
				     .fds = fds,
				     .n_fds = ARRAY_LEN(fds),
				     .dies_with_us = true };

	return process_spawn(&spawn);
}

/* Waits until the child @pid ends, @timeout_ms at most, and no longer than the container runs, of
 * which @end_fd tells: when its monitor was killed, the command waits for the lock that we hold.
 * Returns its exit code, -ETIMEDOUT having ended it, or another -errno. */
static int await(pid_t pid, int end_fd, int timeout_ms, const char *pid_file)
{
	autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd items[] = { { .fd = fd, .events = POLLIN },
				  { .fd = end_fd, .events = POLLIN } };
	int r = fd < 0 ? -errno : poll(items, ARRAY_LEN(items), timeout_ms);

	if (r <= 0 || !items[0].revents) {
		kill_named(pid_file);
		(void)kill(pid, SIGKILL); /* not yet reaped: the number is its own */
	}

	int status = process_wait(pid);

	if (r == 0)
		return -ETIMEDOUT;
	return status < 0 ? status : process_exit_code(status);
}

/* Runs the check once. Returns its exit code, or -errno. */
static int check_once(const struct lxcri_container *container, const struct strings *check,
		      int end_fd, int timeout_ms)
{
	autofree char *pid_file = xformat("%s/" PID_FILE, container->home.run_dir);
	pid_t pid = start_check(container, check, pid_file);
	int code = pid < 0 ? pid : await(pid, end_fd, timeout_ms, pid_file);

	(void)unlinkat(container->home.run_fd, PID_FILE, 0);
	return code;
}

/* Runs it until it succeeds. */
static int check_until(struct lxcri_container *container, const struct watch *watch,
		       const struct gate *gate, struct lxcri_error *err)
{
	const int64_t end = moment_now() / NS_IN_MS + (int64_t)gate->check_seconds * MS_IN_S;
	int end_fd = watch->monitor ? monitor_watch_end(watch->monitor, err) : watch->end_fd;
	int answer = -ETIMEDOUT; /* the last that came; what was cut off has given none */

	while (end_fd >= 0) {
		int64_t left = end - moment_now() / NS_IN_MS;

		if (left <= 0)
			break;

		int code = check_once(container, gate->check, end_fd,
				      left < INT32_MAX ? (int)left : INT32_MAX);

		if (code == 0)
			return 0;
		if (code > 0 || answer < 0)
			answer = code;
		if (stay(watch, PAUSE_MS, err) < 0)
			return -1;
	}
	if (end_fd < 0)
		return -1;
	if (answer < 0)
		return fail(err, LXCRI_E_CONTAINER_START_FAILED,
			    "its health check gave no answer within %u s", gate->check_seconds);
	return fail(err, LXCRI_E_CONTAINER_START_FAILED,
		    "its health check did not succeed within %u s, and ended with code %d at last",
		    gate->check_seconds, answer);
}

int gate_pass(struct lxcri_container *container, const struct gate *gate, struct lxcri_error *err)
{
	autorun(watch_finish) struct watch watch = { .end_fd = -1 };

	if (ct_is(container)) {
		if (container_refresh(container, err) < 0 ||
		    ct_node_enter(container, "check the health of", err) < 0)
			return -1;
		watch.end_fd = pidfd_open(container->state.pid, 0);
		if (watch.end_fd < 0)
			return fail(err, LXCRI_E_CONTAINER_START_FAILED, "it has ended");
	} else if (monitor_connect(container->home.run_fd, &watch.monitor, err) < 0) {
		return -1;
	}
	if (stay(&watch, (int)gate->settle_seconds * MS_IN_S, err) < 0)
		return -1;
	return gate->check->count > 0 ? check_until(container, &watch, gate, err) : 0;
}
