/* SPDX-License-Identifier: MIT */
/* lxcri-shim SYNC-FD TREES-FD: the first process of an LXC container until it is the user's.
 *
 * How it works: liblxc executes it, as root of the container, in namespaces and cgroups that are
 * ready, but with the host's root still in view: the configuration has no root file system, because
 * liblxc would mount with rules of its own where a runtime specification has other ones. So the
 * shim does what any OCI runtime does between clone() and exec(), in the same order; the container
 * is then the same as on those. Nothing of it is left afterwards: it is executed from a read-only
 * mount outside of the container's root, and every descriptor of it is closed by exec.
 *
 * liblxc takes /proc away while it looks for one that it may use, so there is a private one. */

#include "monitor/shim/shim.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/version.h"
#include "monitor/shim/shim_process.h"
#include "os/file.h"
#include "os/path.h"
#include "os/socket.h"
#include "os/tree.h"
#include "runtime/hook.h"
#include "runtime/lxc/lxc_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int send_message(int fd, enum lxc_sync_type type, const struct lxcri_error *error)
{
	struct lxc_sync message = { .type = type };

	if (error)
		message.error = *error;
	return socket_send(fd, &message, sizeof(message), NULL, 0);
}

/* Receives a message of @type, with a descriptor if @ret_fd. */
static int await_message(struct shim *shim, enum lxc_sync_type type, int *ret_fd,
			 struct lxcri_error *err)
{
	struct lxc_sync message;
	int fds[SOCKET_FDS_MAX];
	size_t n_fds = 0;
	ssize_t size = socket_receive(shim->sync, &message, sizeof(message), fds, &n_fds, 0);

	if (size < 0)
		return fail_errno(err, (int)size, "wait for the monitor");
	if (size != sizeof(message) || message.type != type || n_fds != (ret_fd ? 1 : 0))
		return fail(err, LXCRI_E_SYSTEM, "wait for the monitor: it is gone");
	if (ret_fd)
		*ret_fd = fds[0];
	return 0;
}

static int load_plan(struct shim *shim, struct lxcri_error *err)
{
	autoclose int fd = shim_receive_tree(shim, err);
	autofree char *bytes = NULL;
	size_t size;

	if (fd < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, errno, "read the plan");

	int r = file_read_fd(fd, LXC_PLAN_BYTES_MAX, &bytes, &size);

	if (r < 0)
		return fail_errno(err, r, "read the plan");
	return lxc_plan_decode(bytes, size, &shim->plan, err);
}

static int open_console(struct shim *shim, struct lxcri_error *err)
{
	if (!shim->plan.process.terminal)
		return 0;
	shim->console = shim_receive_tree(shim, err);
	return shim->console < 0 ? -1 : 0;
}

static int wait_for_hooks(struct shim *shim, struct lxcri_error *err)
{
	if (shim->plan.create_runtime.count == 0)
		return 0;

	int r = send_message(shim->sync, LXC_SYNC_HOOKS, NULL);

	if (r < 0)
		return fail_errno(err, r, "ask the monitor for the hooks");
	return await_message(shim, LXC_SYNC_GO_ON, NULL, err);
}

static int make_proc(void)
{
	struct tree_message message;

	return tree_new("proc", "proc", NULL,
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &message);
}

static int open_proc(struct shim *shim, struct lxcri_error *err)
{
	shim->proc = make_proc();
	if (shim->proc < 0)
		return fail_errno(err, shim->proc, "make a private proc");
	shim->host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return shim->host < 0 ? fail_errno(err, errno, "open the root") : 0;
}

static int join_cgroup_namespace(struct shim *shim, struct lxcri_error *err)
{
	if (!shim->plan.join_cgroup_ns)
		return 0;

	autoclose int ns = shim_receive_tree(shim, err);

	if (ns < 0)
		return -1;
	return setns(ns, CLONE_NEWCGROUP) < 0 ? fail_errno(err, errno, "setns") : 0;
}

static int set_names(struct shim *shim, struct lxcri_error *err)
{
	const char *host = shim->plan.hostname;
	const char *domain = shim->plan.domainname;

	if (host && sethostname(host, strlen(host)) < 0)
		return fail_errno(err, errno, "set the host name %s", host);
	if (domain && setdomainname(domain, strlen(domain)) < 0)
		return fail_errno(err, errno, "set the domain name %s", domain);
	return 0;
}

/* A new network namespace has its loopback interface down; every runtime raises it. */
static int raise_loopback(struct shim *shim, struct lxcri_error *err)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (!shim->plan.new_network_ns)
		return 0;

	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return fail_errno(err, errno, "raise the loopback interface");
	return 0;
}

static int set_sysctls(struct shim *shim, struct lxcri_error *err)
{
	const struct strings *sysctls = &shim->plan.sysctls;

	for (size_t i = 0; i + 1 < sysctls->count; i += 2) {
		autofree char *path = xformat("sys/%s", sysctls->items[i]);
		const char *value = sysctls->items[i + 1];
		autoclose int fd = openat(shim->proc, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		int r = fd < 0 ? -errno : file_write_all(fd, value, strlen(value));

		if (r < 0)
			return fail_errno(err, r, "set sysctl %s to %s", sysctls->items[i], value);
	}
	return 0;
}

/* The container's root is put on top of the host's: what comes later needs a mount, no path leads
 * to it, and the old root stays in use for everything that has it open. */
static int attach_root(struct shim *shim, struct lxcri_error *err)
{
	struct mount_attr apart = { .propagation = MS_PRIVATE };

	shim->root = shim_receive_tree(shim, err);
	if (shim->root < 0)
		return -1;

	int r = tree_change(shim->root, AT_RECURSIVE, &apart);

	if (r == 0)
		r = tree_attach(shim->root, shim->host);
	return r < 0 ? fail_errno(err, r, "attach the root file system") : 0;
}

static int make_cwd(struct shim *shim, struct lxcri_error *err)
{
	const char *cwd = shim->plan.process.cwd;
	autoclose int dir = path_make_dirs_in(shim->root, cwd, 0755);

	/* A read-only root, or a file: changing to it fails later and says why. */
	if (dir < 0 && dir != -EROFS && dir != -ENOTDIR && dir != -ELOOP && dir != -EACCES)
		return fail_errno(err, dir, "make the directory %s", cwd);
	return 0;
}

static int run_hooks(struct shim *shim, const struct lxc_plan_hooks *hooks, const char *stage,
		     const char *status, struct lxcri_error *err)
{
	const struct hook_state state = {
		.head = shim->plan.state_head,
		.tail = shim->plan.state_tail,
		.status = status,
		.pid = getpid(),
	};

	return hooks_run(hooks, stage, &state, err);
}

/* These are programs of the host, which may need the /proc that liblxc took away. It is another one
 * than ours: a mount that is nowhere can be copied since Linux 6.15 only. */
static int run_create_hooks(struct shim *shim, struct lxcri_error *err)
{
	if (shim->plan.create_container.count == 0)
		return 0;

	autoclose int target = openat(shim->host, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int tree = target < 0 ? -errno : make_proc();
	int r = tree < 0 ? tree : tree_attach(tree, target);

	if (r < 0)
		return fail_errno(err, r, "mount /proc for the hooks");
	return run_hooks(shim, &shim->plan.create_container, "createContainer", "creating", err);
}

static int enter_root(struct shim *shim, struct lxcri_error *err)
{
	uint64_t spread = shim->plan.root_propagation;

	if (fchdir(shim->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return fail_errno(err, errno, "enter the root file system");
	/* The old root now lies over the new one. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return fail_errno(err, errno, "leave the root of the host");
	closep(&shim->host);
	if (spread != 0 && mount(NULL, "/", NULL, spread, NULL) < 0)
		return fail_errno(err, errno, "set the propagation of the root");
	return 0;
}

/* As runc and crun do: who creates is told, not only who starts. A relative name counts from the
 * working directory, which only the process itself enters. */
static int find_program(struct shim *shim, struct lxcri_error *err)
{
	const struct lxc_plan_process *process = &shim->plan.process;
	const char *program = process->args.count > 0 ? process->args.items[0] : "";

	if (strchr(program, '/') && program[0] != '/')
		return 0;
	return shim_find_program(process, err);
}

static const struct shim_step {
	const char *doing;
	int (*run)(struct shim *shim, struct lxcri_error *err);
} shim_steps[] = {
	{ "read what to do", load_plan },
	{ "receive the console", open_console },
	{ "run hooks on the host", wait_for_hooks },
	{ "open proc", open_proc },
	{ "join the cgroup namespace", join_cgroup_namespace },
	{ "set names", set_names },
	{ "set up the network", raise_loopback },
	{ "set sysctls", set_sysctls },
	{ "attach the root", attach_root },
	{ "make mounts", shim_make_mounts },
	{ "make devices", shim_make_devices },
	{ "make the working directory", make_cwd },
	{ "run hooks of the container", run_create_hooks },
	{ "enter the root", enter_root },
	{ "find the program", find_program },
	{ "open the terminal", shim_open_terminal },
	{ "protect paths", shim_protect_paths },
};

static int set_up(struct shim *shim, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(shim_steps); i++)
		if (shim_steps[i].run(shim, err) < 0)
			return fail_while(err, "%s", shim_steps[i].doing);
	closep(&shim->trees);
	return 0;
}

/* Waits for the release and becomes the user's process. */
static int release(struct shim *shim, struct lxcri_error *err)
{
	autoclose int report = -1;
	struct lxc_sync message = { .type = LXC_SYNC_FAILED };

	if (await_message(shim, LXC_SYNC_RELEASE, &report, err) < 0)
		return -1;

	const struct shim_launch launch = {
		.process = &shim->plan.process,
		.proc = shim->proc,
		.preserve_fds = shim->plan.preserve_fds,
		.report = report,
	};

	if (run_hooks(shim, &shim->plan.start_container, "startContainer", "created", err) == 0)
		(void)shim_execute(&launch, err);
	message.error = *err;
	(void)file_write_all(report, &message, sizeof(message));
	return -1;
}

/* The exit code that a shell gives a program that it could not run. */
static int exit_code(const struct lxcri_error *error)
{
	return error->code == LXCRI_E_COMMAND_NOT_FOUND        ? 127
	       : error->code == LXCRI_E_COMMAND_NOT_EXECUTABLE ? 126
							       : 1;
}

int main(int argc, char **argv)
{
	static const char version[] = VERSION_LINE("lxcri-shim") "\n";
	struct shim shim = SHIM_NULL;
	struct lxcri_error err = {};
	uint64_t fds[2];

	if (version_is_asked(argc, argv))
		return write(STDOUT_FILENO, version, sizeof(version) - 1) < 0;
	for (int i = 0; i < 2; i++)
		if (argc != 3 || text_parse_u64(argv[i + 1], 3, INT32_MAX, &fds[i]) < 0)
			return 1;
	shim.sync = (int)fds[0];
	shim.trees = (int)fds[1];
	(void)fcntl(shim.sync, F_SETFD, FD_CLOEXEC);
	(void)fcntl(shim.trees, F_SETFD, FD_CLOEXEC);
	(void)umask(0022);
	if (set_up(&shim, &err) < 0) {
		(void)send_message(shim.sync, LXC_SYNC_FAILED, &err);
		return 1;
	}
	if (send_message(shim.sync, LXC_SYNC_CREATED, NULL) < 0)
		return 1;
	(void)release(&shim, &err);
	return exit_code(&err);
}
