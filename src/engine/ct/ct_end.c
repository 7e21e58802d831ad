/* SPDX-License-Identifier: MIT */
/* Output and end of containers of Proxmox VE. monitor/ct/ct_output.c writes it. */

#include "engine/ct/ct_end.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_node.h"
#include "engine/logs.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"
#include "runtime/carrier.h"
#include "runtime/ct_signal.h"
#include "runtime/log/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

/* Of one that was killed, and wrote nothing down. */
#define EXIT_CODE_KILLED 137
#define FILE_BYTES_MAX   128
/* How long its end may take in Proxmox VE once its first process has ended. */
#define SETTLE_SECONDS 120

/* Reads the file @name, which the container may have made anything of. Returns whether it is there.
 */
static bool read_small(int dir, const char *name, char text[FILE_BYTES_MAX])
{
	autoclose int fd =
		openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	ssize_t got;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return false;
	got = read(fd, text, FILE_BYTES_MAX - 1);
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

/* Reads from the directory @dir how the last run ended. Returns whether that is known. */
static bool read_end(int dir, struct monitor_state *state)
{
	char text[FILE_BYTES_MAX];
	unsigned int code;

	if (read_small(dir, CT_STATE_EXIT, text) &&
	    sscanf(text, "1 %3u %20" SCNd64 " %20" SCNd64, &code, &state->started_ns,
		   &state->finished_ns) == 3 &&
	    code <= UINT8_MAX) {
		state->exit_code = (int)code;
		return true;
	}
	state->exit_code = EXIT_CODE_KILLED;
	return read_small(dir, CT_STATE_RUN, text) &&
	       sscanf(text, "1 %20" SCNd64, &state->started_ns) == 1;
}

void ct_end_read(struct lxcri_container *container, const struct ct_place *place)
{
	struct lxcri_error problem = {};
	autoclose int dir = ct_node_is_here(container->engine, place->node)
				    ? ct_node_open_state(container, place, &problem)
				    : -1;
	struct monitor_state state = container->state;

	container->end_unknown = dir < 0 || !read_end(dir, &state);
	if (dir < 0)
		log_debug("%s", problem.text);
	if (!container->end_unknown)
		container->state = state;
}

void ct_start_read(struct lxcri_container *container, const struct ct_place *place)
{
	struct lxcri_error ignored = {};
	autoclose int dir = ct_node_is_here(container->engine, place->node)
				    ? ct_node_open_state(container, place, &ignored)
				    : -1;
	char text[FILE_BYTES_MAX];
	int64_t started_ns;

	if (dir >= 0 && read_small(dir, CT_STATE_RUN, text) &&
	    sscanf(text, "1 %20" SCNd64, &started_ns) == 1 && started_ns > 0)
		container->state.started_ns = started_ns;
}

/* Reads the log in the directory @dir. */
static int read_log(int dir, const struct log_read_options *options, int fd_out, int fd_err,
		    struct lxcri_error *err)
{
	autofree char *path = xformat("/proc/self/fd/%d/" CT_STATE_LOG, dir);

	return log_file_read(path, options, fd_out, fd_err, err);
}

static bool has_log(int dir)
{
	return faccessat(dir, CT_STATE_LOG, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int ct_logs(struct lxcri_container *container, const struct lxcri_log_options *options, int fd_out,
	    int fd_err, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autoclose int dir = -1;
	autoclose int end = -1;
	struct log_read_options read_options = logs_read_options(options);
	struct lxcri_error ignored = {};

	if (container_refresh(container, err) < 0 ||
	    ct_node_need(container, "logs", &place, err) < 0)
		return -1;
	dir = ct_node_open_state(container, &place, err);
	if (dir < 0)
		return fail_while(err, "logs %s", container->home.id);
	if (!has_log(dir))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "logs of %s: its output was not taken into a log", container->home.id);
	if (options->follow && ct_node_enter(container, "logs", &ignored) == 0)
		end = pidfd_open(container->state.pid, 0);
	read_options.follow = options->follow && end >= 0;
	read_options.end_fd = end;
	return read_log(dir, &read_options, fd_out, fd_err, err);
}

/* A run in the foreground. */
struct run {
	struct lxcri_container *container;
	struct carrier carrier;
	bool pass_signals;
	pid_t reader; /* a child that copies the log; 0: there is none */
	int reader_fd;
};

static void run_finish(struct run *run)
{
	if (run->reader > 0) {
		(void)kill(run->reader, SIGKILL);
		(void)process_wait(run->reader);
	}
	run->reader = 0;
	closep(&run->reader_fd);
	carrier_finish(&run->carrier);
}

/* Copies the log to our streams, in a child: meanwhile this process has signals to pass on. */
static int start_reader(struct run *run, int dir, int end, int64_t since_ns,
			struct lxcri_error *err)
{
	const struct log_read_options options = {
		.choice = { .since_ns = since_ns },
		.tail = -1,
		.follow = end >= 0,
		.end_fd = end,
	};
	pid_t child = fork();

	if (child < 0)
		return fail_errno(err, errno, "fork");
	if (child == 0) {
		struct lxcri_error problem = {};

		if (read_log(dir, &options, STDOUT_FILENO, STDERR_FILENO, &problem) < 0)
			log_error("%s", problem.text);
		_exit(0);
	}
	run->reader = child;
	run->reader_fd = pidfd_open(child, 0);
	return run->reader_fd < 0 ? fail_errno(err, errno, "watch a child") : 0;
}

static int take_signals(struct run *run, struct lxcri_error *err)
{
	struct lxcri_error problem = {};
	int signal;

	while ((signal = carrier_next_signal(&run->carrier)) > 0) {
		if (signal == SIGWINCH)
			continue;
		if (!run->pass_signals) {
			run->carrier.fatal_signal = signal;
			return fail(err, LXCRI_E_SYSTEM, "ended by signal %d", signal);
		}
		/* One that stopped meanwhile has no use for it: its end is told anyway. */
		if (ct_kill(run->container, signal, &problem) < 0)
			log_debug("%s", problem.text);
	}
	return 0;
}

static int carry(struct run *run, struct lxcri_error *err)
{
	for (;;) {
		struct pollfd polls[] = { { run->reader_fd, POLLIN, 0 },
					  { run->carrier.signals, POLLIN, 0 } };

		if (poll(polls, ARRAY_LEN(polls), -1) < 0 && errno != EINTR)
			return fail_errno(err, errno, "poll");
		if (polls[1].revents && take_signals(run, err) < 0)
			return -1;
		if (!polls[0].revents)
			continue;
		(void)process_wait(run->reader);
		run->reader = 0;
		return 0;
	}
}

/* Starts it. The lock is given back then. */
static int begin(struct lxcri_container *container,
		 int (*start)(struct lxcri_container *container, struct lxcri_error *err),
		 struct lxcri_error *err)
{
	int r;

	if (container_lock(container, err) < 0)
		return -1;
	r = start(container, err);
	home_unlock(&container->home);
	return r;
}

static int run_to_end(struct run *run, const struct ct_place *place, int64_t since_ns,
		      struct lxcri_error *err)
{
	struct lxcri_container *container = run->container;
	struct lxcri_error ignored = {};
	struct monitor_state state = {};
	autoclose int end = -1;
	autoclose int dir = -1;
	int code;

	if (ct_node_enter(container, "run", &ignored) == 0)
		end = pidfd_open(container->state.pid, 0);
	dir = ct_node_open_state(container, place, err);
	if (dir < 0 || start_reader(run, dir, end, since_ns, err) < 0 || carry(run, err) < 0)
		return -1;
	code = ct_wait(container, SETTLE_SECONDS, err);
	/* On a device the file can be had for as long as we have it open, and no longer. */
	if (code >= 0 || err->code != LXCRI_E_UNSUPPORTED_OPERATION || !read_end(dir, &state))
		return code;
	*err = (struct lxcri_error){};
	return state.exit_code;
}

int ct_run_attached(struct lxcri_container *container, bool pass_signals,
		    int (*start)(struct lxcri_container *container, struct lxcri_error *err),
		    struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autorun(run_finish) struct run run = {
		.container = container,
		.carrier = CARRIER_NULL,
		.pass_signals = pass_signals,
		.reader_fd = -1,
	};
	const int64_t since_ns = moment_now();

	if (container->record.terminal || container->record.log_max_files == 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "attach to %s: the output of this container goes to its console alone, "
			    "which pct console shows",
			    container->home.id);
	/* A signal that comes while it starts is passed on when it has. */
	if (ct_node_need(container, "attach to", &place, err) < 0 ||
	    carrier_begin(&run.carrier, false, err) < 0 || begin(container, start, err) < 0)
		return -1;
	return run_to_end(&run, &place, since_ns, err);
}
