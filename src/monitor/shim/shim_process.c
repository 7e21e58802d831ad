/* SPDX-License-Identifier: MIT */
/* The last steps of a process on its way from us to the user's program.
 *
 * The order is forced. Limits may need CAP_SYS_RESOURCE; the bounding set needs CAP_SETPCAP;
 * identity comes before the other sets, because setresuid() empties the effective one; a system
 * call filter without no_new_privs needs CAP_SYS_ADMIN and so goes in before the capabilities are
 * dropped, and with it goes in last, so that the steps before it are not filtered. */

#include "monitor/shim/shim_process.h"

#include "base/calls.h"
#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/process.h"
#include "os/socket.h"
#include "runtime/lxc/lxc_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PASSWD_BYTES_MAX (1u << 20)
#define DEFAULT_PATH     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int write_proc(int proc, const char *name, const char *value)
{
	autoclose int fd = openat(proc, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : file_write_all(fd, value, strlen(value));
}

static int set_limits(const struct shim_launch *launch, struct lxcri_error *err)
{
	const struct lxc_plan_process *process = launch->process;

	for (size_t i = 0; i < process->n_rlimits; i++) {
		const struct lxc_plan_rlimit *limit = &process->rlimits[i];
		struct rlimit value = { .rlim_cur = limit->soft, .rlim_max = limit->hard };

		if (prlimit(0, limit->resource, &value, NULL) < 0)
			return fail_errno(err, errno, "set resource limit %u", limit->resource);
	}
	if ((int32_t)process->oom_score_adj != INT32_MIN && launch->proc >= 0) {
		autofree char *text = xformat("%d", (int32_t)process->oom_score_adj);
		int r = write_proc(launch->proc, "self/oom_score_adj", text);

		if (r < 0)
			return fail_errno(err, r, "set oom_score_adj to %s", text);
	}
	if (process->personality != UINT64_MAX && personality(process->personality) < 0)
		return fail_errno(err, errno, "set the personality");
	return 0;
}

/* A process that is not root must be able to open /dev/stdout, which may be a pipe of root's. What
 * is not ours to give stays as it is. */
static void own_streams(uid_t uid)
{
	struct stat status;

	for (int fd = 0; fd <= 2; fd++) {
		if (fstat(fd, &status) < 0 || status.st_uid == uid ||
		    (S_ISCHR(status.st_mode) && !isatty(fd)) || S_ISREG(status.st_mode))
			continue;
		(void)!fchown(fd, uid, (gid_t)-1);
	}
}

static int load_filter(const struct lxc_plan_process *process, struct lxcri_error *err)
{
	size_t count = process->seccomp_size / sizeof(struct sock_filter);
	struct sock_fprog program = {
		.len = (unsigned short)count,
		.filter = (struct sock_filter *)(void *)process->seccomp,
	};

	if (count == 0)
		return 0;
	if (count > BPF_MAXINSNS)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "load the system call filter: it has %zu instructions, %d are allowed",
			    count, BPF_MAXINSNS);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, process->seccomp_flags, &program) < 0)
		return fail_errno(err, errno, "load the system call filter");
	return 0;
}

static int drop_bounding(uint64_t keep, struct lxcri_error *err)
{
	for (unsigned int cap = 0; cap < 64; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (has < 0) /* beyond the kernel's last */
			break;
		if (has == 1 && !(keep & (UINT64_C(1) << cap)) &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return fail_errno(err, errno, "drop capability %u", cap);
	}
	return 0;
}

static int set_identity(const struct lxc_plan_process *process, struct lxcri_error *err)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return fail_errno(err, errno, "keep capabilities over a change of user");
	/* A user namespace may forbid setgroups(); without groups to set, that is no matter. */
	if (setgroups(process->n_groups, process->groups) < 0 &&
	    (errno != EPERM || process->n_groups > 0))
		return fail_errno(err, errno, "set the additional groups");
	if (setresgid(process->gid, process->gid, process->gid) < 0)
		return fail_errno(err, errno, "change to group %u", process->gid);
	if (setresuid(process->uid, process->uid, process->uid) < 0)
		return fail_errno(err, errno, "change to user %u", process->uid);
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return fail_errno(err, errno, "set capabilities");
	if (process->umask != UINT32_MAX)
		(void)umask((mode_t)process->umask);
	return 0;
}

static int set_capabilities(const struct lxc_plan_process *process, struct lxcri_error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (unsigned int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(process->effective >> (32 * i)),
			.permitted = (uint32_t)(process->permitted >> (32 * i)),
			.inheritable = (uint32_t)(process->inheritable >> (32 * i)),
		};
	if (syscall(SYS_capset, &header, data) < 0)
		return fail_errno(err, errno, "set capabilities");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return fail_errno(err, errno, "clear ambient capabilities");
	for (unsigned long cap = 0; cap < 64; cap++)
		if (process->ambient & (UINT64_C(1) << cap) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return fail_errno(err, errno, "raise ambient capability %lu", cap);
	return 0;
}

/* A directory that is reached through a leaked descriptor lies outside the root: the kernel's own
 * getcwd says so with "(unreachable)", which does not begin with a slash. */
static int enter_directory(const char *path, struct lxcri_error *err)
{
	char where[PATH_MAX];

	if (chdir(path) < 0)
		return fail_errno(err, errno, "change to directory %s", path);
	if (syscall(SYS_getcwd, where, sizeof(where)) < 0)
		return fail_errno(err, errno, "find out where directory %s is", path);
	if (where[0] != '/')
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "change to directory %s: it is outside of the container", path);
	return 0;
}

/* Sets HOME from the container's passwd when the environment has none. */
static void add_home(struct strings *env, uid_t uid)
{
	autofree char *passwd = NULL;
	autofree char *home = NULL;
	size_t size;

	if (strings_get_env(env, "HOME"))
		return;
	if (file_read(AT_FDCWD, "/etc/passwd", PASSWD_BYTES_MAX, &passwd, &size) == 0) {
		char *rest = passwd;

		for (char *line = strsep(&rest, "\n"); line && !home; line = strsep(&rest, "\n")) {
			char *field[7] = {};

			for (size_t i = 0; i < ARRAY_LEN(field) && line; i++)
				field[i] = strsep(&line, ":");
			uint64_t number;

			if (field[5] && field[5][0] == '/' &&
			    text_parse_u64(field[2], 0, UINT32_MAX, &number) == 0 && number == uid)
				home = xformat("HOME=%s", field[5]);
		}
	}
	strings_set_env(env, home ? home : "HOME=/");
}

static int fail_exec(struct lxcri_error *err, int error, const char *program)
{
	enum lxcri_code code = error == ENOENT || error == ENOTDIR ? LXCRI_E_COMMAND_NOT_FOUND
								   : LXCRI_E_COMMAND_NOT_EXECUTABLE;

	return fail_code_errno(err, code, error, "execute %s", program);
}

/* Tells why @file cannot be executed, or returns 0: what exec itself would say comes later. */
static int check_program(const char *file)
{
	struct stat status;

	if (stat(file, &status) < 0)
		return errno;
	return !S_ISREG(status.st_mode) || !(status.st_mode & 0111) ? EACCES : 0;
}

int shim_find_program(const struct lxc_plan_process *process, struct lxcri_error *err)
{
	const char *program = process->args.count > 0 ? process->args.items[0] : "";
	const char *path = strings_get_env(&process->env, "PATH");
	int error = ENOENT;

	if (strchr(program, '/')) {
		error = check_program(program);
		return error == 0 ? 0 : fail_exec(err, error, program);
	}
	for (const char *piece = path ? path : DEFAULT_PATH; *program;) {
		int length = (int)strcspn(piece, ":");
		autofree char *file = xformat("%.*s/%s", length, piece, program);
		int problem = check_program(file);

		if (problem == 0)
			return 0;
		error = error == ENOENT ? problem : error;
		piece += length;
		if (!*piece++)
			break;
	}
	return fail_exec(err, error, *program ? program : "\"\"");
}

/* Tries @program in each directory of PATH. As in a shell, a file that may not be executed is
 * remembered, but does not end the search. */
static int search_and_execute(const char *program, char *const *args, const struct strings *env,
			      struct lxcri_error *err)
{
	const char *path = strings_get_env(env, "PATH");
	int error = ENOENT;

	if (!path)
		path = DEFAULT_PATH;
	for (const char *piece = path;; piece++) {
		size_t length = strcspn(piece, ":");
		autofree char *file =
			xformat("%.*s%s%s", (int)length, piece, length > 0 ? "/" : "./", program);
		struct stat status;

		if (stat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
			error = EISDIR;
		} else {
			(void)execve(file, args, env->items);
			if (errno != ENOENT && errno != ENOTDIR && error == ENOENT)
				error = errno;
			if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
				break;
		}
		piece += length;
		if (!*piece)
			break;
	}
	return fail_exec(err, error == EISDIR ? EACCES : error, program);
}

static int execute(const struct lxc_plan_process *process, const struct strings *env,
		   struct lxcri_error *err)
{
	const char *program = process->args.count > 0 ? process->args.items[0] : "";

	if (!*program)
		return fail(err, LXCRI_E_COMMAND_NOT_FOUND, "execute \"\": no program is named");
	if (!strchr(program, '/'))
		return search_and_execute(program, process->args.items, env, err);
	(void)execve(program, process->args.items, env->items);
	return fail_exec(err, errno, program);
}

static void default_signals(void)
{
	sigset_t none;

	process_reset_signals();
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_label(const struct shim_launch *launch, struct lxcri_error *err)
{
	if (!launch->process->apparmor)
		return 0;

	autofree char *text = xformat("exec %s", launch->process->apparmor);
	int r = launch->proc < 0 ? -EINVAL
				 : write_proc(launch->proc, "self/attr/apparmor/exec", text);

	if (r == -ENOENT)
		r = write_proc(launch->proc, "self/attr/exec", text);
	if (r < 0)
		return fail_errno(err, r, "set AppArmor profile %s", launch->process->apparmor);
	return 0;
}

static int drop_privileges(const struct lxc_plan_process *process, struct lxcri_error *err)
{
	int pdeath = 0;

	if (!process->no_new_privileges && load_filter(process, err) < 0)
		return -1;
	(void)prctl(PR_GET_PDEATHSIG, &pdeath);
	if (drop_bounding(process->bounding, err) < 0 || set_identity(process, err) < 0 ||
	    set_capabilities(process, err) < 0)
		return -1;
	/* A change of user has cleared it. */
	if (pdeath != 0)
		(void)prctl(PR_SET_PDEATHSIG, pdeath);
	return 0;
}

static int report_exec(int report, struct lxcri_error *err)
{
	const struct lxc_sync message = { .type = LXC_SYNC_EXEC };
	int r = report < 0 ? 0 : file_write_all(report, &message, sizeof(message));

	return r < 0 ? fail_errno(err, r, "report to the monitor") : 0;
}

int shim_execute(const struct shim_launch *launch, struct lxcri_error *err)
{
	const struct lxc_plan_process *process = launch->process;
	autorun(strings_finish) struct strings env = {};

	strings_add_all(&env, &process->env);
	add_home(&env, process->uid);
	default_signals();
	/* Nothing of ours may be a directory that the process finds under /proc/self/fd. */
	if (close_range(3 + launch->preserve_fds, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return fail_errno(err, errno, "mark descriptors to be closed");
	if (set_limits(launch, err) < 0 || set_label(launch, err) < 0)
		return -1;
	own_streams(process->uid);
	/* As root first: the directory may be closed to the user, as in runc and crun. */
	bool entered = enter_directory(process->cwd, err) == 0;

	if (drop_privileges(process, err) < 0)
		return -1;
	if (!entered && enter_directory(process->cwd, err) < 0)
		return -1;
	if (process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(err, errno, "forbid new privileges");
	if (report_exec(launch->report, err) < 0)
		return -1;
	if (process->no_new_privileges && load_filter(process, err) < 0)
		return -1;
	return execute(process, &env, err);
}

int shim_make_terminal(const struct lxc_plan_process *process, struct lxcri_error *err)
{
	autoclose int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlock = 0;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return fail_errno(err, errno, "open a terminal of /dev/pts");

	autoclose int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (peer < 0)
		return fail_errno(err, errno, "open a terminal of /dev/pts");
	if (process->rows > 0 && process->columns > 0) {
		struct winsize size = { .ws_row = process->rows, .ws_col = process->columns };

		(void)ioctl(master, TIOCSWINSZ, &size);
	}
	(void)setsid(); /* fails where we lead a session already, which is as good */
	if (ioctl(peer, TIOCSCTTY, 0) < 0)
		return fail_errno(err, errno, "take the terminal as the controlling one");
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(peer, fd) < 0)
			return fail_errno(err, errno, "connect the terminal");
	return steal_fd(&master);
}

int shim_send_terminal(int console, int master, struct lxcri_error *err)
{
	static const char name[] = "/dev/ptmx";
	int r = socket_send(console, name, sizeof(name) - 1, &master, 1);

	return r < 0 ? fail_errno(err, r, "send the terminal over the console socket") : 0;
}
