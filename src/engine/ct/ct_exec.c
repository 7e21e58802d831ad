/* SPDX-License-Identifier: MIT */
/* Further processes in a container of Proxmox VE, on its node; pausing it, and signals to it. */

#include "engine/ct/ct.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/ct/ct_node.h"
#include "engine/ct/ct_process.h"
#include "engine/event.h"
#include "engine/files/root.h"
#include "os/file.h"
#include "os/process.h"
#include "os/socket.h"
#include "os/terminal.h"
#include "runtime/carrier.h"
#include "runtime/ct_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

/* One process on a terminal. */
struct session {
	struct carrier carrier;
	pid_t child;  /* lxcri-lxc; 0 once it is reaped */
	int child_fd; /* a pidfd of it */
	int master;
	bool wants_input;
	int exit_code;
};

static void session_finish(struct session *session)
{
	/* What was begun on a terminal that is gone hears of that. */
	closep(&session->master);
	closep(&session->child_fd);
	carrier_finish(&session->carrier);
	if (session->child > 0)
		(void)process_wait(session->child);
	session->child = 0;
}

static int make_file(const char *text, struct lxcri_error *err)
{
	autoclose int fd = memfd_create("process", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));

	return r < 0 ? fail_errno(err, r, "keep the process object in memory") : steal_fd(&fd);
}

static int write_pid_file(const char *path, pid_t pid, struct lxcri_error *err)
{
	autofree char *text = xformat("%d", (int)pid);
	int r = path ? file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FILE_VOLATILE)
		     : 0;

	return r < 0 ? fail_errno(err, r, "write the pid file %s", path) : 0;
}

/* Carries until the process has ended and there is nothing more to read, or nobody has the terminal
 * any more. */
static int carry(struct session *session, struct lxcri_error *err)
{
	for (;;) {
		const bool ended = session->child == 0;
		struct pollfd polls[] = {
			{ session->master, POLLIN, 0 },
			{ session->carrier.signals, POLLIN, 0 },
			{ ended ? -1 : session->child_fd, POLLIN, 0 },
			{ session->wants_input ? STDIN_FILENO : -1, POLLIN, 0 },
		};
		int r = poll(polls, ARRAY_LEN(polls), ended ? 0 : -1);

		if (r < 0 && errno != EINTR)
			return fail_errno(err, errno, "poll");
		if (ended && (r <= 0 || !polls[0].revents))
			return 0;
		if (r <= 0)
			continue;
		if (polls[1].revents &&
		    carrier_take_signals(&session->carrier, session->master, err) < 0)
			return -1;
		if (polls[3].revents)
			session->wants_input = carrier_give_input(session->master);
		if (polls[0].revents) {
			r = carrier_take_output(session->master, err);
			if (r <= 0)
				return r;
		} else if (polls[2].revents) {
			session->exit_code = process_exit_code(process_wait(session->child));
			session->child = 0;
		}
	}
}

static int run_on_terminal(struct session *session, int socket, bool open_stdin,
			   struct lxcri_error *err)
{
	char name[64];
	int fds[SOCKET_FDS_MAX];
	size_t n_fds = 0;
	ssize_t got = socket_receive(socket, name, sizeof(name), fds, &n_fds, MSG_DONTWAIT);

	session->child_fd = pidfd_open(session->child, 0);
	if (got < 0 || n_fds != 1 || session->child_fd < 0) {
		for (size_t i = 0; i < n_fds; i++)
			closep(&fds[i]);
		return fail(err, LXCRI_E_EXEC_FAILED, "no terminal came of the process");
	}
	session->master = fds[0];
	session->wants_input = open_stdin;
	carrier_copy_size(session->master);
	if (carrier_begin(&session->carrier, open_stdin && isatty(STDIN_FILENO), err) < 0 ||
	    carry(session, err) < 0)
		return -1;
	if (session->child > 0) {
		session->exit_code = process_exit_code(process_wait(session->child));
		session->child = 0;
	}
	return session->exit_code;
}

static void tell_exec(const struct lxcri_container *container, pid_t pid)
{
	autofree char *number = xformat("%d", (int)pid);

	container_event(container, "exec", "pid", number);
}

int ct_exec(struct lxcri_container *container, const struct lxcri_exec_options *options,
	    const char *process_json, bool terminal, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autorun(session_finish) struct session session = { .carrier = CARRIER_NULL,
							   .child_fd = -1,
							   .master = -1 };
	autoclose int process = make_file(process_json, err);
	struct ct_helper helper = CT_HELPER_NULL;
	int ends[2] = { -1, -1 };
	autojson spec = NULL;
	pid_t pid = 0;
	int r;

	if (options->console_socket || (terminal && options->detach))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "a detached process on a terminal, or a console socket, is not to be "
			    "had in a container of Proxmox VE");
	if (process < 0 || ct_place_load(&container->record, &place, err) < 0)
		return -1;
	spec = root_load_spec(container, err);
	if (!spec)
		return -1;
	r = terminal ? socket_pair(ends) : 0;
	if (r < 0)
		return fail_errno(err, r, "make a socket");

	autoclose int ours = ends[0];
	autoclose int theirs = ends[1];

	helper.verb = "ct-exec";
	helper.process = process;
	helper.console = theirs;
	helper.bounds = ct_process_bounds(spec);
	helper.detach = options->detach;
	if (!terminal) {
		helper.streams[0] = options->open_stdin ? STDIN_FILENO : -1;
		helper.streams[1] = STDOUT_FILENO;
		helper.streams[2] = STDERR_FILENO;
	}
	session.child = ct_helper_start(container->engine, &place, &helper, &pid, err);
	if (session.child < 0) {
		session.child = 0;
		return -1;
	}
	tell_exec(container, pid);
	if (write_pid_file(options->pid_file, pid, err) < 0)
		return -1;
	if (terminal)
		return run_on_terminal(&session, ours, options->open_stdin, err);
	r = process_wait(session.child);
	session.child = 0;
	return options->detach ? 0 : process_exit_code(r);
}

/* Does what lxcri-lxc does as @verb to one that runs. */
static int change(struct lxcri_container *container, const char *verb, const char *event,
		  struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	pid_t pid;

	if (ct_place_load(&container->record, &place, err) < 0 ||
	    ct_helper_run(container->engine, &place, verb, &pid, err) < 0)
		return -1;
	container_event(container, event, NULL, NULL);
	return 0;
}

int ct_pause(struct lxcri_container *container, struct lxcri_error *err)
{
	if (container->status != LXCRI_STATUS_RUNNING)
		return fail(err, LXCRI_E_INVALID_STATE, "it is %s",
			    lxcri_status_name(container->status));
	if (ct_node_enter(container, NULL, err) < 0)
		return -1;
	if (container->status == LXCRI_STATUS_PAUSED)
		return fail(err, LXCRI_E_ALREADY_PAUSED, "it is paused already");
	return change(container, "ct-freeze", "pause", err);
}

int ct_resume(struct lxcri_container *container, struct lxcri_error *err)
{
	if (container->status == LXCRI_STATUS_STOPPED)
		return fail(err, LXCRI_E_INVALID_STATE, "it is stopped");
	if (container->status == LXCRI_STATUS_RUNNING && ct_node_enter(container, NULL, err) < 0)
		return -1;
	if (container->status != LXCRI_STATUS_PAUSED)
		return fail(err, LXCRI_E_NOT_PAUSED, "it is %s, not paused",
			    lxcri_status_name(container->status));
	return change(container, "ct-thaw", "resume", err);
}

void ct_thaw(struct lxcri_container *container)
{
	struct lxcri_error problem = {};

	ct_look(container);
	if (container->status != LXCRI_STATUS_PAUSED)
		return;
	if (change(container, "ct-thaw", "resume", &problem) < 0)
		log_debug("%s", problem.text);
	container->status = LXCRI_STATUS_RUNNING;
}

int ct_signal(struct lxcri_container *container, int signal, struct lxcri_error *err)
{
	const siginfo_t info = {
		.si_signo = SIGUSR1,
		.si_code = SI_QUEUE,
		.si_value = { .sival_int = CT_SIGNAL_EXACT | signal },
	};
	autoclose int process = -1;
	uint64_t start_time = 0;

	if (ct_node_enter(container, NULL, err) < 0)
		return -1;
	process = pidfd_open(container->state.pid, 0);
	/* Asked after it is open, the time tells whose it is. */
	if (process < 0 || process_start_time(container->state.pid, &start_time) < 0 ||
	    start_time != container->state.pid_start_time ||
	    pidfd_send_signal(process, SIGUSR1, (siginfo_t *)&info, 0) < 0)
		return fail(err, LXCRI_E_INVALID_STATE, "it has ended just now");
	return 0;
}
