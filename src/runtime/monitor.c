/* SPDX-License-Identifier: MIT */
/* The command's end of a monitor: starting one, and requests. */

#include "runtime/monitor.h"

#include "base/mem.h"
#include "base/text.h"
#include "os/helper.h"
#include "os/mount.h"
#include "os/process.h"
#include "os/socket.h"
#include "runtime/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define CREATOR_FD 3
#define FDS_MAX    16 /* of process_spawn() */

/* A monitor that serves another request answers late; one that hangs, never. */
#define KILL_ANSWER_MS 15000

/* How long it may take besides waiting for a lease. */
#define LEASE_ANSWER_MS 10000

struct request {
	enum wire_type type;
	const void *body;
	size_t size;
};

static struct monitor *make(int fd, int run_dirfd)
{
	struct monitor *monitor = xnew(struct monitor);

	*monitor = (struct monitor){ .fd = fd, .run_dirfd = run_dirfd };
	return monitor;
}

void monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return;
	closep(&monitor->fd);
	closep(&monitor->run_dirfd);
	free(monitor);
}

int connection_send(struct monitor *monitor, enum wire_type type, const void *body, size_t size,
		    const int *fds, struct lxcri_error *err)
{
	struct message message;
	int r;

	message.header = wire_header(type, size);
	if (size > 0)
		memcpy(message.bytes, body, size);
	r = socket_send(monitor->fd, &message, sizeof(message.header) + size, fds, fds ? 3 : 0);
	if (r == -EPIPE || r == -ECONNRESET)
		return fail(err, LXCRI_E_MONITOR_LOST, "the container's monitor has gone");
	return r < 0 ? fail_errno(err, r, "send to the monitor") : 0;
}

/* A string that came over the wire is ended before it is used as one. */
static void end_text(struct message *message)
{
	if (message->header.type == WIRE_ERROR)
		message->err.text[sizeof(message->err.text) - 1] = '\0';
}

int connection_receive(struct monitor *monitor, struct message *message, struct lxcri_error *err)
{
	ssize_t got = socket_receive(monitor->fd, message, sizeof(*message), NULL, NULL, 0);

	if (got == 0 || got == -ECONNRESET)
		return fail(err, LXCRI_E_MONITOR_LOST, "the container's monitor has gone");
	if (got < 0)
		return fail_errno(err, (int)got, "receive from the monitor");
	if ((size_t)got >= sizeof(message->header) && message->header.version > wire_version)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "the monitor speaks version %u of our protocol, this program version "
			    "%d; use the program that made the container",
			    (unsigned int)message->header.version, wire_version);
	if ((size_t)got < sizeof(message->header) ||
	    !wire_check_answer(&message->header, (size_t)got - sizeof(message->header)))
		return fail(err, LXCRI_E_SYSTEM, "the monitor sent a malformed message");
	end_text(message);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until there is something to receive. 0, or -ETIMEDOUT, or -errno. */
static int wait_readable(int fd, int64_t deadline)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();
		int r = deadline >= 0 && left <= 0 ? 0 : poll(&poller, 1, (int)left);

		if (r > 0)
			return 0;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* Sends a request and waits for WIRE_OK, by @deadline unless that is negative; the monitor's error
 * is passed on. */
static int request_until(struct monitor *monitor, const struct request *request, int64_t deadline,
			 struct lxcri_error *err)
{
	struct message message;

	if (connection_send(monitor, request->type, request->body, request->size, NULL, err) < 0)
		return -1;
	for (;;) {
		int r = deadline < 0 ? 0 : wait_readable(monitor->fd, deadline);

		if (r == -ETIMEDOUT)
			return fail(err, LXCRI_E_TIMEOUT,
				    "the container's monitor does not answer");
		if (r < 0)
			return fail_errno(err, r, "wait for the monitor");
		if (connection_receive(monitor, &message, err) < 0)
			return monitor->exited ? fail(err, LXCRI_E_INVALID_STATE,
						      "the container has stopped")
					       : -1;
		if (message.header.type == WIRE_OK)
			return 0;
		if (message.header.type == WIRE_ERROR) {
			*err = message.err;
			return -1;
		}
		if (message.header.type == WIRE_EXITED) {
			monitor->exited = true;
			monitor->exit_code = message.exited.exit_code;
		}
	}
}

/* The same for as long as it takes. */
static int request(struct monitor *monitor, enum wire_type type, const void *body, size_t size,
		   struct lxcri_error *err)
{
	const struct request whole = { .type = type, .body = body, .size = size };

	return request_until(monitor, &whole, -1, err);
}

int connection_recorded_end(const struct monitor *monitor, struct lxcri_error *err)
{
	struct monitor_state state;

	if (monitor_read_state(monitor->run_dirfd, &state, err) < 0)
		return -1;
	if (state.phase != MONITOR_STOPPED || state.lost)
		return fail(err, LXCRI_E_MONITOR_LOST, "the container's monitor was killed");
	return state.exit_code;
}

/* As the monitor's command line calls them; NULL is refused there. */
static const char *backend_name(enum lxcri_container_type type)
{
	static const char *const names[] = {
		[LXCRI_LXC] = "lxc",
		[LXCRI_CRUN] = "crun",
		[LXCRI_RUNC] = "runc",
	};

	return (size_t)type < ARRAY_LEN(names) ? names[type] : NULL;
}

static void add_option(struct strings *argv, const char *name, const char *value)
{
	if (!value)
		return;
	strings_add(argv, name);
	strings_add(argv, value);
}

static void add_extents(struct strings *argv, const char *name, const struct id_extents *extents)
{
	for (size_t i = 0; i < extents->count; i++) {
		const struct id_extent *extent = &extents->items[i];

		strings_add(argv, name);
		strings_addf(argv, "%u:%u:%u", extent->inside, extent->outside, extent->size);
	}
}

static void add_rootfs(struct strings *argv, const struct mount_root *rootfs)
{
	add_extents(argv, "--uid-map", &rootfs->owners.uids);
	add_extents(argv, "--gid-map", &rootfs->owners.gids);
	add_option(argv, "--rootfs", rootfs->target);
	for (size_t i = 0; i < rootfs->lowers.count; i++)
		add_option(argv, "--lower", rootfs->lowers.items[i]);
	add_option(argv, "--upper", rootfs->upper);
	add_option(argv, "--work", rootfs->work);
	add_option(argv, "--dataset", rootfs->dataset);
	add_option(argv, "--directory", rootfs->directory);
	if (rootfs->is_shifted)
		strings_add(argv, "--shifted");
}

static void add_log(struct strings *argv, const struct monitor_options *options)
{
	add_option(argv, "--journal", options->journal);
	if (!options->log_path)
		return;
	add_option(argv, "--log", options->log_path);
	if (options->log_max_bytes == 0)
		return;
	strings_add(argv, "--log-max-size");
	strings_addf(argv, "%" PRIu64, options->log_max_bytes);
	strings_add(argv, "--log-max-file");
	strings_addf(argv, "%u", options->log_max_files);
}

static void make_argv(const struct monitor_options *options, const char *program,
		      struct strings *argv)
{
	strings_add(argv, "lxcri-monitor");
	add_option(argv, "--id", options->id);
	add_option(argv, "--backend", backend_name(options->type));
	add_option(argv, "--bundle", options->bundle);
	add_option(argv, "--run-dir", options->run_dir);
	add_option(argv, "--exit-dir", options->exit_dir);
	add_log(argv, options);
	add_option(argv, "--events", options->events);
	add_option(argv, "--image", options->image);
	add_option(argv, "--runtime-path", options->runtime_path);
	add_option(argv, "--console-socket", options->console_socket);
	strings_add(argv, "--helper-dir");
	strings_addf(argv, "%.*s", (int)(strrchr(program, '/') - program), program);
	for (size_t i = 0; options->exit_command && options->exit_command[i]; i++)
		add_option(argv, "--exit-command", options->exit_command[i]);
	if (options->rootfs)
		add_rootfs(argv, options->rootfs);
	for (size_t i = 0; options->parts && i < options->parts->count; i++)
		add_option(argv, "--part", options->parts->items[i]);
	if (options->preserve_fds > 0) {
		strings_add(argv, "--preserve-fds");
		strings_addf(argv, "%u", options->preserve_fds);
	}
	if (options->terminal)
		strings_add(argv, "--terminal");
	if (options->open_stdin)
		strings_add(argv, "--stdin");
	if (options->stdio == MONITOR_STDIO_INHERIT)
		strings_add(argv, "--inherit");
	add_option(argv, "--cgroups-path", options->cgroups_path);
	add_option(argv, "--slice", options->slice);
	if (options->slice)
		add_option(argv, "--scope", options->scope);
	for (size_t i = 0; options->scope_properties && i < options->scope_properties->count; i++)
		add_option(argv, "--scope-property", options->scope_properties->items[i]);
	if (options->systemd_cgroup)
		strings_add(argv, "--systemd-cgroup");
}

/* Starts @program as @argv. It is executed by way of a read-only mount where that can be had:
 * libcrun would else make one and execute the program again. */
static int spawn_program(const char *program, struct spawn *spawn)
{
	autoclose int mount = mount_open_read_only(program);
	autoclose int high = mount < 0 ? -1 : fcntl(mount, F_DUPFD_CLOEXEC, FDS_MAX);
	autofree char *path = high < 0 ? NULL : xformat("/proc/self/fd/%d", high);

	spawn->path = path ? path : program;
	return process_spawn_detached(spawn);
}

/* Starts the monitor with its end of the connection. */
static int start_program(const struct monitor_options *options, int connection,
			 struct lxcri_error *err)
{
	autofree char *program = helper_path("lxcri-monitor");
	autorun(strings_finish) struct strings argv = {};
	int fds[FDS_MAX] = { -1, -1, -1, connection };
	struct spawn spawn = { .fds = fds, .n_fds = CREATOR_FD + 1 + options->preserve_fds };
	int r;

	if (spawn.n_fds > FDS_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "more than %d preserved descriptors",
			    FDS_MAX - CREATOR_FD - 1);
	for (int i = 0; options->stdio == MONITOR_STDIO_INHERIT && i < CREATOR_FD; i++)
		fds[i] = i;
	for (unsigned int i = 0; i < options->preserve_fds; i++)
		fds[CREATOR_FD + 1 + i] = CREATOR_FD + (int)i;
	make_argv(options, program, &argv);
	spawn.argv = argv.items;
	r = spawn_program(program, &spawn);
	return r < 0 ? fail_code_errno(err, LXCRI_E_RUNTIME_INIT_FAILED, r, "start %s", program)
		     : 0;
}

static int receive_created(struct monitor *monitor, pid_t *ret_pid, struct lxcri_error *err)
{
	struct message message;

	if (connection_receive(monitor, &message, err) < 0)
		return -1;
	if (message.header.type == WIRE_ERROR) {
		*err = message.err;
		return -1;
	}
	if (message.header.type != WIRE_CREATED)
		return fail(err, LXCRI_E_SYSTEM, "the monitor sent message %u first",
			    (unsigned int)message.header.type);
	*ret_pid = message.created.pid;
	return 0;
}

int monitor_launch(const struct monitor_options *options, struct monitor **ret_monitor,
		   pid_t *ret_pid, struct lxcri_error *err)
{
	autoptr(monitor) monitor = make(-1, -1);
	int ends[2];
	int r;

	monitor->run_dirfd = open(options->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (monitor->run_dirfd < 0)
		return fail_errno(err, errno, "%s", options->run_dir);
	r = socket_pair(ends);
	if (r < 0)
		return fail_errno(err, r, "make a socket");
	monitor->fd = ends[0];

	autoclose int theirs = ends[1];

	if (start_program(options, theirs, err) < 0)
		return -1;
	closep(&theirs); /* or its end would not be seen */
	if (receive_created(monitor, ret_pid, err) < 0)
		return -1;
	*ret_monitor = steal(monitor);
	return 0;
}

int monitor_connect(int run_dirfd, struct monitor **ret_monitor, struct lxcri_error *err)
{
	autoclose int fd = socket_connect(run_dirfd, WIRE_SOCKET);

	if (fd == -ECONNREFUSED || fd == -ENOENT)
		return fail(err, LXCRI_E_MONITOR_LOST, "the container has no monitor");
	if (fd < 0)
		return fail_errno(err, fd, "connect to the monitor");

	int directory = fcntl(run_dirfd, F_DUPFD_CLOEXEC, 3);

	if (directory < 0)
		return fail_errno(err, errno, "duplicate a descriptor");
	*ret_monitor = make(steal_fd(&fd), directory);
	return 0;
}

int monitor_commit(struct monitor *monitor, struct lxcri_error *err)
{
	return request(monitor, WIRE_COMMIT, NULL, 0, err);
}

int monitor_begin(struct monitor *monitor, struct lxcri_error *err)
{
	return request(monitor, WIRE_START, NULL, 0, err);
}

int monitor_kill(struct monitor *monitor, int signal, bool all, struct lxcri_error *err)
{
	const struct wire_kill kill = { .signal = signal, .all = all };
	const struct request request = { .type = WIRE_KILL, .body = &kill, .size = sizeof(kill) };

	return request_until(monitor, &request, now_ms() + KILL_ANSWER_MS, err);
}

int monitor_lease(struct monitor *monitor, const struct monitor_lease *lease,
		  struct lxcri_error *err)
{
	const struct wire_lease head = { .wait_seconds = lease->wait_seconds,
					 .is_first = lease->is_first };
	const char *const texts[] = { lease->interface, lease->hostname, lease->resolv_path,
				      lease->resolv_rest };
	autorun(text_finish) struct text body = {};
	struct request request = { .type = WIRE_LEASE };

	text_append(&body, (const char *)&head, offsetof(struct wire_lease, wanted));
	text_append(&body, (const char *)lease->wanted, sizeof(lease->wanted));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		text_append(&body, texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) + 1 : 1);
	if (body.length > WIRE_DATA_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "the options of a resolver are too long");
	request.body = body.data;
	request.size = body.length;
	return request_until(monitor, &request,
			     now_ms() + LEASE_ANSWER_MS + 1000 * (int64_t)lease->wait_seconds, err);
}

int monitor_lease_end(struct monitor *monitor, const char *interface, struct lxcri_error *err)
{
	return request(monitor, WIRE_LEASE_END, interface, strlen(interface) + 1, err);
}

int monitor_pause(struct monitor *monitor, struct lxcri_error *err)
{
	return request(monitor, WIRE_PAUSE, NULL, 0, err);
}

int monitor_resume(struct monitor *monitor, struct lxcri_error *err)
{
	return request(monitor, WIRE_RESUME, NULL, 0, err);
}

int monitor_wait(struct monitor *monitor, int timeout_ms, struct lxcri_error *err)
{
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	struct message message;

	if (!monitor->waits && !monitor->exited &&
	    connection_send(monitor, WIRE_WAIT, NULL, 0, NULL, err) < 0)
		return err->code == LXCRI_E_MONITOR_LOST ? connection_recorded_end(monitor, err)
							 : -1;
	monitor->waits = true;
	while (!monitor->exited) {
		int r = wait_readable(monitor->fd, deadline);

		if (r == -ETIMEDOUT)
			return fail(err, LXCRI_E_TIMEOUT, "the container did not stop within %d ms",
				    timeout_ms);
		if (r < 0)
			return fail_errno(err, r, "wait for the monitor");
		if (connection_receive(monitor, &message, err) < 0)
			return err->code == LXCRI_E_MONITOR_LOST
				       ? connection_recorded_end(monitor, err)
				       : -1;
		if (message.header.type == WIRE_ERROR) {
			monitor->waits = false;
			*err = message.err;
			return -1;
		}
		if (message.header.type == WIRE_EXITED) {
			monitor->exited = true;
			monitor->exit_code = message.exited.exit_code;
		}
	}
	return monitor->exit_code;
}

int monitor_watch_end(struct monitor *monitor, struct lxcri_error *err)
{
	if (!monitor->waits && connection_send(monitor, WIRE_WAIT, NULL, 0, NULL, err) < 0)
		return -1;
	monitor->waits = true;
	return monitor->fd;
}
