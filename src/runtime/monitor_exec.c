/* SPDX-License-Identifier: MIT */
/* Running a further process. It gets our own descriptors; with a terminal its master comes to us
 * over a socket in the run directory, and we carry it without the monitor. */

#include "runtime/monitor.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/terminal.h"
#include "runtime/carrier.h"
#include "runtime/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The terminal has been sent when the process runs; this only bounds a fault. */
#define CONSOLE_TIMEOUT_MS 5000

/* One further process, and the two files in the run directory that bring it about. */
struct execution {
	struct monitor *monitor;
	const struct monitor_exec_options *options;
	char *process_name;
	char *console_name;
	char *console_path;
	int console; /* the listening socket */
	int master;
	struct carrier carrier;
	bool input_ended;
	int exit_code; /* -1 until it is known */
};

static void execution_finish(struct execution *execution)
{
	if (execution->process_name)
		(void)unlinkat(execution->options->run_dirfd, execution->process_name, 0);
	if (execution->console_name)
		(void)unlinkat(execution->options->run_dirfd, execution->console_name, 0);
	freep(&execution->process_name);
	freep(&execution->console_name);
	freep(&execution->console_path);
	closep(&execution->console);
	closep(&execution->master);
	carrier_finish(&execution->carrier);
}

/* Several may run at once in one process (threads) and in many. */
static char *make_name(const char *suffix)
{
	static unsigned int count;

	return xformat("exec.%d.%u.%s", (int)getpid(),
		       __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED), suffix);
}

static int prepare_files(struct execution *execution, struct lxcri_error *err)
{
	const struct monitor_exec_options *options = execution->options;
	const char *json = options->process_json;
	int r;

	execution->process_name = make_name("json");
	r = file_write_atomic(options->run_dirfd, execution->process_name, json, strlen(json), 0600,
			      FILE_VOLATILE);
	if (r < 0)
		return fail_errno(err, r, "write %s", execution->process_name);
	if (!options->terminal || options->console_socket)
		return 0;
	if (options->detach)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "a detached process with a terminal needs a console socket");
	execution->console_name = make_name("sock");
	execution->console = terminal_listen(options->run_dirfd, execution->console_name);
	if (execution->console < 0)
		return fail_errno(err, execution->console, "listen for the terminal");
	execution->console_path = xformat("/proc/%d/fd/%d/%s", (int)getpid(), options->run_dirfd,
					  execution->console_name);
	return 0;
}

static int send_request(struct execution *execution, struct lxcri_error *err)
{
	const struct monitor_exec_options *options = execution->options;
	const struct wire_exec wire = { .detach = options->detach };
	const char *console =
		options->console_socket ? options->console_socket : execution->console_path;
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	autorun(text_finish) struct text body = {};
	const int *fds = options->terminal ? (const int[]){ null, null, null }
					   : (const int[]){ options->open_stdin ? 0 : null, 1, 2 };

	if (null < 0)
		return fail_errno(err, errno, "/dev/null");
	text_append(&body, (const char *)&wire, sizeof(wire));
	text_append(&body, execution->process_name, strlen(execution->process_name) + 1);
	text_append(&body, console ? console : "", console ? strlen(console) + 1 : 1);
	if (body.length > WIRE_DATA_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the console socket's path is too long");
	return connection_send(execution->monitor, WIRE_EXEC, body.data, body.length, fds, err);
}

/* Waits for the next message about the process. */
static int receive(struct execution *execution, struct message *message, struct lxcri_error *err)
{
	do {
		if (connection_receive(execution->monitor, message, err) < 0)
			return -1;
		if (message->header.type == WIRE_ERROR) {
			*err = message->err;
			return -1;
		}
	} while (message->header.type != WIRE_EXEC_STARTED &&
		 message->header.type != WIRE_EXEC_EXITED);
	return 0;
}

static int write_pid_file(const char *path, pid_t pid, struct lxcri_error *err)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", (int)pid);
	int r = file_write_atomic(AT_FDCWD, path, text, (size_t)length, 0644, FILE_VOLATILE);

	return r < 0 ? fail_errno(err, r, "write the pid file %s", path) : 0;
}

static int begin(struct execution *execution, struct lxcri_error *err)
{
	struct message message;

	if (send_request(execution, err) < 0 || receive(execution, &message, err) < 0)
		return -1;
	if (message.header.type != WIRE_EXEC_STARTED)
		return fail(err, LXCRI_E_SYSTEM, "the monitor did not tell of a start");
	if (execution->options->pid_file)
		return write_pid_file(execution->options->pid_file, message.created.pid, err);
	return 0;
}

/* Carries until the terminal is closed by all of the container, or the process has ended and there
 * is nothing more to read. */
static int carry_terminal(struct execution *execution, struct lxcri_error *err)
{
	struct message message;

	for (;;) {
		bool wants_input = execution->options->open_stdin && !execution->input_ended;
		bool ended = execution->exit_code >= 0;
		struct pollfd polls[] = {
			{ execution->master, POLLIN, 0 },
			{ execution->carrier.signals, POLLIN, 0 },
			{ ended ? -1 : execution->monitor->fd, POLLIN, 0 },
			{ wants_input ? STDIN_FILENO : -1, POLLIN, 0 },
		};
		int r = poll(polls, ARRAY_LEN(polls), ended ? 0 : -1);

		if (r < 0 && errno != EINTR)
			return fail_errno(err, errno, "poll");
		if (ended && (r <= 0 || !polls[0].revents))
			return 0;
		if (r <= 0)
			continue;
		if (polls[1].revents &&
		    carrier_take_signals(&execution->carrier, execution->master, err) < 0)
			return -1;
		if (polls[2].revents) {
			if (receive(execution, &message, err) < 0)
				return -1;
			execution->exit_code = message.exited.exit_code;
		}
		if (polls[3].revents)
			execution->input_ended = !carrier_give_input(execution->master);
		if (polls[0].revents) {
			r = carrier_take_output(execution->master, err);
			if (r <= 0)
				return r;
		}
	}
}

static int run_on_terminal(struct execution *execution, struct lxcri_error *err)
{
	bool raw = execution->options->open_stdin && isatty(STDIN_FILENO);

	execution->master = terminal_receive(execution->console, CONSOLE_TIMEOUT_MS);
	if (execution->master < 0)
		return fail_errno(err, execution->master, "receive the terminal");
	carrier_copy_size(execution->master);
	if (carrier_begin(&execution->carrier, raw, err) < 0)
		return -1;
	return carry_terminal(execution, err);
}

int monitor_exec(struct monitor *monitor, const struct monitor_exec_options *options,
		 struct lxcri_error *err)
{
	autorun(execution_finish) struct execution execution = {
		.monitor = monitor,
		.options = options,
		.console = -1,
		.master = -1,
		.carrier = CARRIER_NULL,
		.exit_code = -1,
	};
	struct message message;

	if (prepare_files(&execution, err) < 0 || begin(&execution, err) < 0)
		return -1;
	if (options->detach)
		return 0;
	if (execution.console >= 0 && run_on_terminal(&execution, err) < 0)
		return -1;
	if (execution.exit_code >= 0)
		return execution.exit_code;
	if (receive(&execution, &message, err) < 0)
		return -1;
	return message.exited.exit_code;
}
