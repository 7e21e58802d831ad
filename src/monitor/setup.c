/* SPDX-License-Identifier: MIT */
/* All that leads to a created container. */

#include "monitor/guard.h"
#include "monitor/supervisor.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/cgroup/cgroup.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/storage/mount_root.h"
#include "os/storage/part.h"
#include "os/socket.h"
#include "os/terminal.h"
#include "runtime/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#define CONSOLE_SOCKET "console.sock"

/* The backend has sent the terminal when create() returns; this only bounds a fault. */
#define CONSOLE_TIMEOUT_MS 5000

/* How long a monitor that came too late may take to see that, and how often it is looked. */
#define LOCK_TIMEOUT_MS 5000
#define LOCK_STEP_MS    5

/* libcrun makes directories of cgroups in it. */
#define UNIFIED_BYTES (8u << 20)

/* A session of its own, so that no terminal's signal reaches it, and the parent of every process
 * of the container that loses its own. */
static int setup_process(struct supervisor *supervisor, struct lxcri_error *err)
{
	sigset_t signals;

	(void)setsid(); /* fails only for who has one already */
	(void)umask(022);
	if (chdir("/") < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ||
	    prctl(PR_SET_NAME, "lxcri-monitor") < 0)
		return fail_errno(err, errno, "set up the process");

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	supervisor->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	sigaddset(&signals, SIGPIPE); /* writing to a closed pipe is told by EPIPE */
	if (supervisor->signals < 0 || sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return fail_errno(err, errno, "take over signals");
	return 0;
}

static int open_directory(const char *path, int *ret_fd, struct lxcri_error *err)
{
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? fail_errno(err, errno, "%s", path) : 0;
}

static int setup_directories(struct supervisor *supervisor, struct lxcri_error *err)
{
	const struct arguments *arguments = &supervisor->arguments;

	if (open_directory(arguments->run_dir, &supervisor->run_dirfd, err) < 0)
		return -1;
	if (!arguments->exit_dir)
		return 0;
	return open_directory(arguments->exit_dir, &supervisor->exit_dirfd, err);
}

/* Waits so many milliseconds for the end of the creator: while it lives it keeps others away from
 * the run directory. Without it somebody may be removing that; but who begins to do so while we
 * have the lock finds it and waits. */
static int check_creator(const struct supervisor *supervisor, int wait_ms, struct lxcri_error *err)
{
	struct pollfd creator = { .fd = supervisor->clients.slots[0].fd };

	return poll(&creator, 1, wait_ms) == 0
		       ? 0
		       : fail(err, LXCRI_E_INVALID_STATE, "the creator has gone");
}

/* Returns 1 when the lock is ours, 0 when somebody has it, and takes it of a file that is still
 * there: who had it may have removed that. */
static int try_lock(struct supervisor *supervisor, struct lxcri_error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat status;

	supervisor->lock = openat(supervisor->run_dirfd, WIRE_LOCK,
				  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (supervisor->lock < 0)
		return fail_errno(err, errno, WIRE_LOCK);

	int r = fcntl(supervisor->lock, F_SETLK, &lock) < 0 || fstat(supervisor->lock, &status) < 0
			? -errno
			: 0;

	if (r == 0 && status.st_nlink > 0)
		return 1;
	closep(&supervisor->lock); /* what is not locked is not ours to remove */
	return r == 0 || r == -EAGAIN || r == -EACCES ? 0 : fail_errno(err, r, WIRE_LOCK);
}

/* A lock of this process, which its children do not inherit. The creator has seen that nobody has
 * it. Who has it nevertheless is a monitor whose creator was killed and made way for ours: it came
 * to the lock late, and gives it up as it sees that. */
static int setup_lock(struct supervisor *supervisor, struct lxcri_error *err)
{
	for (int waited = 0; waited < LOCK_TIMEOUT_MS; waited += LOCK_STEP_MS) {
		int r = try_lock(supervisor, err);

		if (r != 0)
			return r < 0 ? -1 : check_creator(supervisor, 0, err);
		if (check_creator(supervisor, LOCK_STEP_MS, err) < 0)
			return -1;
	}
	return fail(err, LXCRI_E_CONTAINER_EXISTS, "container %s has a monitor already",
		    supervisor->arguments.id);
}

/* Before anything is made that shall be in it. */
static int setup_scope(struct supervisor *supervisor, struct lxcri_error *err)
{
	const struct arguments *arguments = &supervisor->arguments;

	if (!arguments->slice || !arguments->scope)
		return 0;
	return scope_enter(arguments->helper_dir, arguments->slice, arguments->scope,
			   &arguments->scope_properties, err);
}

static int setup_namespace(struct supervisor *supervisor, struct lxcri_error *err)
{
	int r = mount_own_namespace();

	return r < 0 ? fail_errno(err, r, "unshare") : 0;
}

static int setup_rootfs(struct supervisor *supervisor, struct lxcri_error *err)
{
	const struct arguments *arguments = &supervisor->arguments;
	autorun(mount_root_finish) struct mount_root root = {
		.target = xstrdup(arguments->rootfs),
		.upper = xstrdup(arguments->upper),
		.work = xstrdup(arguments->work),
		.dataset = xstrdup(arguments->dataset),
		.directory = xstrdup(arguments->directory),
		.owners = arguments->owners,
		.is_shifted = arguments->shifted,
	};
	int r;

	if (!arguments->rootfs)
		return 0;
	strings_add_all(&root.lowers, &arguments->lowers);
	r = mount_root(&root);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, r, "mount on %s", root.target);
	supervisor->rootfs_mounted = true;
	return 0;
}

/* Where the specification has them mounted from. */
static int setup_parts(struct supervisor *supervisor, struct lxcri_error *err)
{
	const struct strings *parts = &supervisor->arguments.parts;
	autofree char *places = xformat("%s/" WIRE_PARTS, supervisor->arguments.run_dir);
	size_t index;
	int r = part_mount_all(places, parts, PART_MAKE, &index);

	return r < 0 ? fail_code_errno(err, LXCRI_E_MOUNT_FAILED, r, "subPath %s of %s",
				       parts->items[2 * index + 1], parts->items[2 * index])
		     : 0;
}

/* libcrun refuses a host with version 1 whose version 2 part has controllers too. With that part
 * out of sight it uses version 1 alone. */
static int setup_cgroups(struct supervisor *supervisor, struct lxcri_error *err)
{
	int r = 0;

	if (supervisor->arguments.ops == &runtime_crun && cgroup_is_hybrid_with_controllers())
		r = mount_tmpfs("/sys/fs/cgroup/unified", UNIFIED_BYTES);
	return r < 0 ? fail_errno(err, r, "tmpfs on /sys/fs/cgroup/unified") : 0;
}

/* The backend connects by way of our own descriptor, because the path of the directory may be
 * longer than a socket's address. */
static int listen_for_terminal(struct supervisor *supervisor, struct lxcri_error *err)
{
	int listener = terminal_listen(supervisor->run_dirfd, CONSOLE_SOCKET);

	if (listener < 0)
		return fail_errno(err, listener, CONSOLE_SOCKET);
	supervisor->streams.output[0] = listener; /* until the terminal takes its place */
	supervisor->console_path =
		xformat("/proc/%d/fd/%d/" CONSOLE_SOCKET, (int)getpid(), supervisor->run_dirfd);
	return 0;
}

static int setup_streams(struct supervisor *supervisor, struct lxcri_error *err)
{
	const struct arguments *arguments = &supervisor->arguments;
	struct streams *streams = &supervisor->streams;
	int r = 0;

	if (arguments->log_path)
		r = log_writer_open(&streams->log, arguments->log_path, &arguments->log_limits);
	if (r < 0)
		return fail_errno(err, r, "open the log %s", arguments->log_path);
	if (arguments->journal)
		r = journal_open(&streams->journal, arguments->id, arguments->journal);
	if (r < 0)
		return fail_errno(err, r,
				  "the log driver journald needs journald, which does not answer "
				  "at " JOURNAL_SOCKET);
	if (arguments->inherit || (arguments->terminal && arguments->console_socket)) {
		for (int i = 0; r >= 0 && i < 3; i++)
			r = streams->theirs[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
		return r < 0 ? fail_errno(err, errno, "duplicate a stream") : 0;
	}
	if (arguments->terminal)
		return listen_for_terminal(supervisor, err);
	r = streams_make_pipes(streams, arguments->open_stdin);
	return r < 0 ? fail_errno(err, r, "make pipes") : 0;
}

static int setup_socket(struct supervisor *supervisor, struct lxcri_error *err)
{
	/* A monitor that was killed leaves its socket; we hold the lock, so nobody listens. */
	(void)unlinkat(supervisor->run_dirfd, WIRE_SOCKET, 0);
	supervisor->clients.listener = socket_listen(supervisor->run_dirfd, WIRE_SOCKET);
	if (supervisor->clients.listener < 0)
		return fail_errno(err, supervisor->clients.listener, WIRE_SOCKET);
	return 0;
}

/* What is needed to find a cgroup of a creation that was killed. */
static int write_bundle(const struct supervisor *supervisor, struct lxcri_error *err)
{
	const struct arguments *arguments = &supervisor->arguments;
	autorun(strings_finish) struct strings parents = {};
	autorun(text_finish) struct text text = {};
	/* The others are told what it is to be called. */
	int r = arguments->ops == &runtime_oci_cli ? cgroup_list_parents(&parents) : 0;

	text_append(&text, arguments->bundle, strlen(arguments->bundle) + 1);
	for (size_t i = 0; i < parents.count; i++)
		text_append(&text, parents.items[i], strlen(parents.items[i]) + 1);
	if (r == 0)
		r = file_write_atomic(supervisor->run_dirfd, WIRE_BUNDLE, text.data, text.length,
				      0600, FILE_VOLATILE);
	return r < 0 ? fail_errno(err, r, "write " WIRE_BUNDLE) : 0;
}

static int setup_container(struct supervisor *supervisor, struct lxcri_error *err)
{
	const struct arguments *arguments = &supervisor->arguments;
	struct runtime_container *container = &supervisor->container;

	if (write_bundle(supervisor, err) < 0)
		return -1;
	*container = (struct runtime_container){
		.ops = arguments->ops,
		.id = arguments->id,
		.bundle = arguments->bundle,
		.run_dir = arguments->run_dir,
		.runtime_path = arguments->runtime_path,
		.helper_dir = arguments->helper_dir,
		.console_socket = arguments->console_socket ? arguments->console_socket
							    : supervisor->console_path,
		.preserve_fds = arguments->preserve_fds,
		.terminal = arguments->terminal,
		.systemd_cgroup = arguments->systemd_cgroup,
		.cgroups_path = arguments->cgroups_path,
	};
	memcpy(container->stdio, supervisor->streams.theirs, sizeof(container->stdio));
	if (container->ops->create(container, err) < 0)
		return -1;
	supervisor->created = true;
	streams_close_theirs(&supervisor->streams);
	return 0;
}

/* The creator's streams and descriptors are the container's alone from here on: whoever reads them
 * must see their end when the container ends. */
static int setup_own_streams(struct supervisor *supervisor, struct lxcri_error *err)
{
	unsigned int preserved = supervisor->arguments.preserve_fds;
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; null >= 0 && i < 3; i++)
		if (dup2(null, i) < 0)
			return fail_errno(err, errno, "/dev/null");
	if (preserved > 0)
		(void)close_range(4, 3 + preserved, 0);
	return null < 0 ? fail_errno(err, errno, "/dev/null") : 0;
}

static int setup_terminal(struct supervisor *supervisor, struct lxcri_error *err)
{
	struct streams *streams = &supervisor->streams;

	if (!supervisor->console_path)
		return 0;

	int master = terminal_receive(streams->output[0], CONSOLE_TIMEOUT_MS);

	closep(&streams->output[0]);
	(void)unlinkat(supervisor->run_dirfd, CONSOLE_SOCKET, 0);
	if (master < 0)
		return fail_errno(err, master, "receive the terminal");

	int r = streams_set_terminal_consume(streams, master);

	return r < 0 ? fail_errno(err, r, "set up the terminal") : 0;
}

static int setup_record(struct supervisor *supervisor, struct lxcri_error *err)
{
	const struct runtime_container *container = &supervisor->container;

	if (record_processes(&supervisor->record, container->init, container->keeper, err) < 0)
		return -1;
	supervisor->record.phase = MONITOR_CREATED;
	if (record_write(&supervisor->record, supervisor->run_dirfd, -1, &supervisor->state_lock,
			 err) < 0)
		return -1;
	(void)unlinkat(supervisor->run_dirfd, WIRE_BUNDLE, 0);
	return 0;
}

/* A keeper ends with us, and the container with it. */
static int setup_guard(struct supervisor *supervisor, struct lxcri_error *err)
{
	const struct runtime_container *container = &supervisor->container;
	int r = container->keeper == container->init ? guard_start(container->init) : 0;

	return r < 0 ? fail_errno(err, r, "start a guard") : 0;
}

static const struct setup_step {
	const char *doing;
	int (*run)(struct supervisor *supervisor, struct lxcri_error *err);
} steps[] = {
	{ "set up the monitor", setup_process },
	{ "open the directories", setup_directories },
	{ "lock the run directory", setup_lock },
	{ "enter a scope of systemd", setup_scope },
	{ "make a mount namespace", setup_namespace },
	{ "mount the root file system", setup_rootfs },
	{ "mount parts of volumes", setup_parts },
	{ "hide cgroups of version 2", setup_cgroups },
	{ "open the streams", setup_streams },
	{ "listen", setup_socket },
	{ "create the container", setup_container },
	{ "let go of the creator's streams", setup_own_streams },
	{ "take over the terminal", setup_terminal },
	{ "record the container", setup_record },
	{ "guard the container", setup_guard },
};

int supervisor_setup(struct supervisor *supervisor, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (steps[i].run(supervisor, err) < 0)
			return fail_while(err, "%s", steps[i].doing);
	return 0;
}
