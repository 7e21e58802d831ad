/* SPDX-License-Identifier: MIT */
/* The LXC backend, as the monitor sees it.
 *
 * How it works: liblxc is too much for the monitor, so lxcri-lxc is started as its child, sits in
 * liblxc's start() and is the `keeper`. The container's first process is lxcri-shim until start
 * releases it. One socket pair connects both to us; whoever fails first says why. The kernel writes
 * the sender's pid, as we see it, onto each message: that is how the init's is known, in whatever
 * pid namespace it is. */

#include "runtime/ops.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/strings.h"
#include "os/path.h"
#include "os/process.h"
#include "os/socket.h"
#include "os/tree.h"
#include "runtime/lxc/lxc_cgroup.h"
#include "runtime/lxc/lxc_clean.h"
#include "runtime/lxc/lxc_runtime.h"
#include "runtime/lxc/lxc_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Above all descriptors that a spawned program gets. */
#define HIGH_FD 64

struct lxc_backend {
	int sync;    /* to the shim */
	int program; /* lxcri-lxc as it was at the creation: an upgrade may bring one that does not
		      * understand us */
};

/* Receives one message and who sent it. Returns false at the end of the stream. */
static bool receive(int fd, struct lxc_sync *message, pid_t *ret_sender)
{
	union {
		char space[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec part = { .iov_base = message, .iov_len = sizeof(*message) };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.space,
				 .msg_controllen = sizeof(control.space) };
	struct cmsghdr *extra;
	struct ucred sender;
	ssize_t size;

	do
		size = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
	while (size < 0 && errno == EINTR);
	extra = size == sizeof(*message) ? CMSG_FIRSTHDR(&header) : NULL;
	if (!extra || extra->cmsg_type != SCM_CREDENTIALS)
		return false;
	memcpy(&sender, CMSG_DATA(extra), sizeof(sender));
	*ret_sender = sender.pid;
	return true;
}

static int send_simple(int fd, enum lxc_sync_type type, int attach)
{
	const struct lxc_sync message = { .type = type };

	return socket_send(fd, &message, sizeof(message), &attach, attach >= 0 ? 1 : 0);
}

static int make_sync(int fds[2], struct lxcri_error *err)
{
	int yes = 1;
	int r = socket_pair(fds);

	if (r < 0)
		return fail_errno(err, r, "make a socket pair");
	if (setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0) {
		r = errno;
		closep(&fds[0]);
		closep(&fds[1]);
		return fail_errno(err, r, "make a socket pair");
	}
	return 0;
}

/* Connects to the console socket of the caller, a stream by convention of all runtimes. Without a
 * path the result is -1 and no failure. */
static int connect_console(const char *path, int *ret_fd, struct lxcri_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*ret_fd = -1;
	if (!path)
		return 0;
	if (strlen(path) >= sizeof(address.sun_path))
		return fail_errno(err, ENAMETOOLONG, "connect to console socket %s", path);
	memcpy(address.sun_path, path, strlen(path));

	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail_errno(err, errno, "connect to console socket %s", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Opens lxcri-lxc by a read-only mount of it: a process that enters the container shows its program
 * there as /proc/PID/exe. */
static int open_program(const struct runtime_container *container, int *ret_program,
			struct lxcri_error *err)
{
	const struct mount_attr sealed = { .attr_set = MOUNT_ATTR_RDONLY };
	autofree char *path = xformat("%s/lxcri-lxc", container->helper_dir);
	autoclose int file = open(path, O_PATH | O_CLOEXEC);
	autoclose int tree = file < 0 ? -errno : tree_clone(file, 0);
	autoclose int program = tree < 0 ? tree : fcntl(tree, F_DUPFD_CLOEXEC, HIGH_FD);
	int r = program < 0 ? program : tree_change(program, 0, &sealed);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_RUNTIME_NOT_FOUND, r, "open %s", path);
	*ret_program = steal_fd(&program);
	return 0;
}

static pid_t spawn_helper(const struct runtime_container *container, const struct strings *args,
			  const int *fds, unsigned int n_fds, struct lxcri_error *err)
{
	const struct lxc_backend *backend = container->backend;
	autofree char *by_fd = xformat("/proc/self/fd/%d", backend->program);
	const struct spawn spawn = {
		.path = by_fd, .argv = args->items, .fds = fds, .n_fds = n_fds
	};
	pid_t pid = process_spawn(&spawn);

	if (pid < 0)
		return fail_code_errno(err, LXCRI_E_RUNTIME_INIT_FAILED, pid,
				       "execute %s/lxcri-lxc", container->helper_dir);
	return pid;
}

/* Follows the container's creation until it waits for its release. */
static int await_created(struct runtime_container *container, int sync, struct lxcri_error *err)
{
	struct lxc_sync message;
	pid_t sender;

	while (receive(sync, &message, &sender)) {
		switch (message.type) {
		case LXC_SYNC_HOOKS:
			if (lxc_host_hooks(container->run_dir, LXC_HOOKS_CREATE, sender, err) < 0)
				return -1;
			/* Its end is noticed by the next receive(). */
			(void)send_simple(sync, LXC_SYNC_GO_ON, -1);
			break;
		case LXC_SYNC_CREATED:
			container->init = sender;
			return 0;
		case LXC_SYNC_FAILED:
			*err = message.error;
			err->text[sizeof(err->text) - 1] = '\0';
			return -1;
		default:
			return fail(err, LXCRI_E_SYSTEM, "unexpected message %u", message.type);
		}
	}
	return fail(err, LXCRI_E_CONTAINER_CREATE_FAILED, "lxcri-lxc ended without a word");
}

static void build_args(const struct runtime_container *container, int sync, int console,
		       struct strings *args)
{
	strings_add(args, "lxcri-lxc");
	strings_add(args, "start");
	strings_add(args, "--id");
	strings_add(args, container->id);
	strings_add(args, "--bundle");
	strings_add(args, container->bundle);
	strings_add(args, "--run-dir");
	strings_add(args, container->run_dir);
	strings_add(args, "--shim");
	strings_addf(args, "%s/lxcri-shim", container->helper_dir);
	strings_addf(args, "--preserve-fds=%u", container->preserve_fds);
	strings_add(args, "--seccomp-cache");
	/* Beside the run directories: shared by the containers of one instance. */
	strings_addf(args, "%s/../.seccomp", container->run_dir);
	strings_addf(args, "--sync-fd=%d", sync);
	if (console >= 0)
		strings_addf(args, "--console-fd=%d", console);
	if (container->cgroups_path)
		strings_addf(args, "--cgroups-path=%s", container->cgroups_path);
}

static pid_t spawn_keeper(const struct runtime_container *container, int sync, int console,
			  struct lxcri_error *err)
{
	autorun(strings_finish) struct strings args = {};
	unsigned int n_fds = 3 + container->preserve_fds;
	autofree int *fds = xcalloc(n_fds + 2, sizeof(*fds));

	for (unsigned int i = 0; i < n_fds; i++)
		/* In the monitor the preserved ones are behind the creator's connection. */
		fds[i] = i < 3 ? container->stdio[i] : (int)i + 1;
	fds[n_fds] = sync;
	fds[n_fds + 1] = console;
	build_args(container, (int)n_fds, console < 0 ? -1 : (int)n_fds + 1, &args);
	return spawn_helper(container, &args, fds, n_fds + 1 + (console < 0 ? 0 : 1), err);
}

static int lxc_remove(struct runtime_container *container, struct lxcri_error *err);

/* Ends a half-made container, keeping the error that was the cause. */
static int undo(struct runtime_container *container)
{
	struct lxcri_error ignored;

	if (container->keeper > 0) {
		(void)kill(container->keeper, SIGKILL);
		(void)process_wait(container->keeper);
	}
	container->keeper = 0;
	container->init = 0;
	(void)lxc_remove(container, &ignored);
	return -1;
}

static int lxc_create(struct runtime_container *container, struct lxcri_error *err)
{
	autofree char *dir = xformat("%s/" LXC_RUNTIME_DIR, container->run_dir);
	autorun(lxc_cgroup_names_finish) struct lxc_cgroup_names names = {};
	autoclose int console = -1;
	struct lxc_backend *backend = xnew(struct lxc_backend);
	int sync[2];
	int r = path_make_dirs(dir, 0700);

	*backend = (struct lxc_backend){ .sync = -1, .program = -1 };
	container->backend = backend;
	if (r < 0) {
		(void)fail_errno(err, r, "make %s", dir);
		return undo(container);
	}
	/* From here on the container can be cleaned up, whoever is killed. */
	if (container->cgroups_path)
		lxc_cgroup_names_in_scope(container->cgroups_path, &names);
	else if (lxc_cgroup_names(container->id, container->run_dir, NULL, &names, err) < 0)
		return undo(container);
	if (lxc_cgroup_names_save(container->run_dir, &names, err) < 0)
		return undo(container);
	if (open_program(container, &backend->program, err) < 0 ||
	    connect_console(container->console_socket, &console, err) < 0 ||
	    make_sync(sync, err) < 0)
		return undo(container);

	autoclose int ours = sync[0];
	autoclose int theirs = sync[1];

	container->keeper = spawn_keeper(container, theirs, console, err);
	closep(&theirs); /* so that the end of both peers is an end of file */
	if (container->keeper < 0 || await_created(container, ours, err) < 0)
		return undo(container);
	backend->sync = steal_fd(&ours);
	return 0;
}

/* The pipe's other end is open in nothing but the shim, so its end of file means exec or death, and
 * what came before tells which. */
static int await_exec(int report, struct lxcri_error *err)
{
	struct lxc_sync message;
	bool executing = false;

	for (;;) {
		ssize_t size = read(report, &message, sizeof(message));

		if (size < 0 && errno == EINTR)
			continue;
		/* It is released: whether it executes, its end tells as well. Until it does one or
		 * the other somebody has to be there for what it writes. */
		if (size < 0) {
			struct pollfd hangup = { .fd = report };

			(void)poll(&hangup, 1, -1);
			return 0;
		}
		if (size != sizeof(message))
			break;
		if (message.type == LXC_SYNC_EXEC) {
			executing = true;
			continue;
		}
		*err = message.error;
		err->text[sizeof(err->text) - 1] = '\0';
		return -1;
	}
	if (!executing)
		return fail(err, LXCRI_E_CONTAINER_START_FAILED,
			    "the first process ended before it could be released");
	return 0;
}

static int lxc_start(struct runtime_container *container, struct lxcri_error *err)
{
	struct lxc_backend *backend = container->backend;
	int report[2];

	if (!backend || backend->sync < 0)
		return fail(err, LXCRI_E_INVALID_STATE, "the container was released before");
	if (kill(container->init, 0) < 0)
		return fail(err, LXCRI_E_CONTAINER_START_FAILED, "the first process is gone");
	if (pipe2(report, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "make a pipe");

	autoclose int read_end = report[0];
	autoclose int write_end = report[1];
	int r = send_simple(backend->sync, LXC_SYNC_RELEASE, write_end);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_CONTAINER_START_FAILED, r,
				       "release the first process");
	closep(&write_end);
	if (await_exec(read_end, err) < 0)
		return -1;
	closep(&backend->sync);

	/* The container runs; what goes wrong after that does not undo it. */
	struct lxcri_error ignored;

	(void)lxc_host_hooks(container->run_dir, LXC_HOOKS_START, container->init, &ignored);
	return 0;
}

static int lxc_kill_all(struct runtime_container *container, int signal, struct lxcri_error *err)
{
	autorun(lxc_cgroup_names_finish) struct lxc_cgroup_names names = {};

	if (lxc_cgroup_names_load(container->run_dir, &names, err) < 0)
		return -1;

	int r = lxc_cgroup_kill(&names, signal);

	return r < 0 ? fail_code_errno(err, LXCRI_E_CONTAINER_KILL_FAILED, r,
				       "signal all processes of %s", container->id)
		     : 0;
}

static int freeze(struct runtime_container *container, bool frozen, struct lxcri_error *err)
{
	autorun(lxc_cgroup_names_finish) struct lxc_cgroup_names names = {};

	if (lxc_cgroup_names_load(container->run_dir, &names, err) < 0)
		return -1;

	int r = frozen ? lxc_cgroup_freeze(&names, true) : lxc_cgroup_thaw(&names);

	if (r == -ENOENT)
		return fail(err, LXCRI_E_INVALID_STATE, "container %s has ended", container->id);
	return r < 0 ? fail_errno(err, r, "%s %s", frozen ? "freeze" : "thaw", container->id) : 0;
}

static int lxc_pause(struct runtime_container *container, struct lxcri_error *err)
{
	if (freeze(container, true, err) == 0)
		return 0;

	/* Frozen by half is worse than not at all. */
	struct lxcri_error ignored = {};

	(void)freeze(container, false, &ignored);
	return -1;
}

static int lxc_resume(struct runtime_container *container, struct lxcri_error *err)
{
	return freeze(container, false, err);
}

/* Takes the pid of the further process, and the end of who started it. */
static pid_t await_exec_pid(int sync, pid_t helper, struct lxcri_error *err)
{
	struct pollfd poller = { .fd = sync, .events = POLLIN };
	struct lxc_sync message = {};
	pid_t sender;
	int ready;

	do {
		ready = poll(&poller, 1, RUNTIME_EXEC_TIMEOUT_MS);
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		(void)kill(helper, SIGKILL);

	bool told = ready > 0 && receive(sync, &message, &sender);
	int status = process_wait(helper);

	if (ready == 0)
		return fail(err, LXCRI_E_TIMEOUT, "it could not be entered within %d ms",
			    RUNTIME_EXEC_TIMEOUT_MS);

	if (!told)
		return fail(err, LXCRI_E_EXEC_FAILED, "lxcri-lxc ended with %d without a word",
			    status < 0 ? status : process_exit_code(status));
	if (message.type == LXC_SYNC_PID)
		return message.pid;
	*err = message.error;
	err->text[sizeof(err->text) - 1] = '\0';
	return -1;
}

static pid_t lxc_exec(struct runtime_container *container, const struct runtime_exec *exec,
		      struct lxcri_error *err)
{
	autorun(strings_finish) struct strings args = {};
	autoclose int console = -1;
	int sync[2];

	if (connect_console(exec->console_socket, &console, err) < 0 || make_sync(sync, err) < 0)
		return -1;

	autoclose int ours = sync[0];
	autoclose int theirs = sync[1];
	const int fds[] = { exec->stdio[0], exec->stdio[1], exec->stdio[2], theirs, console };

	strings_add(&args, "lxcri-lxc");
	strings_add(&args, "exec");
	strings_add(&args, "--id");
	strings_add(&args, container->id);
	strings_add(&args, "--run-dir");
	strings_add(&args, container->run_dir);
	strings_add(&args, "--process");
	strings_add(&args, exec->process_path);
	strings_add(&args, "--sync-fd=3");
	if (console >= 0)
		strings_add(&args, "--console-fd=4");

	pid_t helper = spawn_helper(container, &args, fds, console < 0 ? 4 : 5, err);

	if (helper < 0)
		return -1;
	closep(&theirs);
	return await_exec_pid(ours, helper, err);
}

static int lxc_remove(struct runtime_container *container, struct lxcri_error *err)
{
	struct lxc_backend *backend = container->backend;

	if (backend) {
		closep(&backend->sync);
		closep(&backend->program);
	}
	free(backend);
	container->backend = NULL;
	return lxc_clean(container->run_dir, err);
}

const struct runtime_ops runtime_lxc = {
	.name = "lxc",
	.create = lxc_create,
	.start = lxc_start,
	.kill_all = lxc_kill_all,
	.pause = lxc_pause,
	.resume = lxc_resume,
	.exec = lxc_exec,
	.remove = lxc_remove,
};
