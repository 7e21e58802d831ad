/* SPDX-License-Identifier: MIT */
/* Containers through libcrun.
 *
 * libcrun changes the process that calls it (signal mask, umask, keyring, environment), so its
 * calls run in short-lived children; what start and remove come down to without hooks does not, and
 * is done in place, which spares two processes that would read the bundle again. A child tells what
 * came of it over a pipe of reports. The container's first process inherits the writing end as its
 * lowest descriptor behind those that it may keep, close-on-exec: libcrun closes everything above,
 * so this is the one that lives until the user's program replaces it. Hence the monitor reads an
 * end of file when the program runs, and a report when it could not be executed. The same holds for
 * further processes. */

#include "runtime/ops.h"

#include "base/mem.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <libcrun/cgroup.h>
#include <libcrun/container.h>
#include <libcrun/status.h>
#include <libcrun/terminal.h>

#include "os/file.h"
#include "os/process.h"
#include "os/terminal.h"
#include "os/cgroup/cgroup.h"
#include "runtime/cgroup_name.h"

/* Hooks of the container run between its release and the execution of its program. */
/* For what was killed in a cgroup to have left it. */
#define REMOVE_TIMEOUT_MS 1000

#define EXECUTED_TIMEOUT_MS 10000

/* Descriptors are first moved above all that they are to become. */
#define MOVED_FDS_MIN 64

/* What a child tells: a pid, or a failure. Smaller than PIPE_BUF, so it is never torn. */
struct report {
	pid_t pid;
	bool has_hooks; /* that run in the host's namespaces after the creation */
	struct lxcri_error err;
};

/* What is kept between calls. */
struct crun_container {
	int pipe; /* of reports, until the container is started */
	bool has_hooks;
};

/* What a child does. */
struct job {
	int (*run)(const struct job *job, libcrun_context_t *context, struct report *report);
	const struct runtime_container *container;
	const struct runtime_exec *exec;
	int stdio[3]; /* -1: /dev/null */
	int signal;
	bool with_preserved; /* hand the creator's descriptors on */
};

/* Of a child: where its reports go. */
static int report_fd = -1;

static int crun_error_to_ours(libcrun_error_t *crun_err, struct lxcri_error *err)
{
	const char *text = *crun_err && (*crun_err)->msg ? (*crun_err)->msg : "libcrun failed";
	int errnum = *crun_err ? (*crun_err)->status : 0;
	enum lxcri_code code = LXCRI_E_SYSTEM;

	if (strstr(text, "executable file `") || strstr(text, "cannot find `` in $PATH") ||
	    (strstr(text, "exec container process") && errnum == ENOENT))
		code = LXCRI_E_COMMAND_NOT_FOUND;
	else if (strstr(text, "exists but it is not executable") ||
		 strstr(text, "is not a regular file") || strstr(text, "exec container process"))
		code = LXCRI_E_COMMAND_NOT_EXECUTABLE;
	if (errnum > 0)
		(void)fail_code_errno(err, code, errnum, "%s", text);
	else
		(void)fail(err, code, "%s", text);
	libcrun_error_release(crun_err);
	return -1;
}

/* Reports a failure that libcrun can only print. */
static void report_message(int errnum, const char *message)
{
	struct libcrun_error_s crun_err = { .status = errnum, .msg = (char *)message };
	struct report report = {};
	libcrun_error_t copy = xmemdup(&crun_err, sizeof(crun_err));

	copy->msg = xstrdup(strcmp(message, "exec") == 0 ? "exec container process" : message);
	(void)crun_error_to_ours(&copy, &report.err);
	(void)file_write_all(report_fd, &report, sizeof(report)); /* the exit status remains */
}

static void on_message(int errnum, const char *message, int verbosity, void *arg)
{
	if (verbosity == LIBCRUN_VERBOSITY_ERROR)
		report_message(errnum, message);
}

/* Stands for libcrun's function of that name (see the linker's --wrap): the first process installs
 * it for what goes wrong after the container was started, and ends afterwards. It ends here
 * instead, with the code that a shell would give. */
void __wrap_log_write_to_stderr(int errnum, const char *message, int verbosity, void *arg);
void __wrap_log_write_to_stderr(int errnum, const char *message, int verbosity, void *arg)
{
	if (verbosity != LIBCRUN_VERBOSITY_ERROR)
		return;
	report_message(errnum, message);
	_exit(errnum == ENOENT ? 127 : 126);
}

/* libcrun looks up the names of users on the host. A static program would load shared libraries
 * for that, and in a container's root file system those of the container. */
int __wrap_getpwuid_r(uid_t uid, void *entry, char *buffer, size_t size, void **result);
int __wrap_getpwuid_r(uid_t uid, void *entry, char *buffer, size_t size, void **result)
{
	*result = NULL;
	return ENOENT;
}

/* libcrun gives the standard streams of a container with a user namespace to its root. One of them
 * may be /dev/null, which is the host's own, and with it the right to close it to everybody. */
int __real_fchown(int fd, uid_t uid, gid_t gid);
int __wrap_fchown(int fd, uid_t uid, gid_t gid);
int __wrap_fchown(int fd, uid_t uid, gid_t gid)
{
	struct stat status;

	if (fd <= STDERR_FILENO &&
	    (fstat(fd, &status) < 0 || !(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)))) {
		errno = EPERM;
		return -1;
	}
	return __real_fchown(fd, uid, gid);
}

/* libcrun gives the terminal of a further process its size when that process may run already, and
 * one that asks at once is told 0 by 0. Here it has the size from its birth. */
static runtime_spec_schema_config_schema_process_console_size *console_size; /* or NULL */

int __real_libcrun_new_terminal(char **pty, libcrun_error_t *crun_err);
int __wrap_libcrun_new_terminal(char **pty, libcrun_error_t *crun_err);
int __wrap_libcrun_new_terminal(char **pty, libcrun_error_t *crun_err)
{
	int master = __real_libcrun_new_terminal(pty, crun_err);

	if (master >= 0 && console_size)
		(void)terminal_set_size(master, (uint16_t)console_size->height,
					(uint16_t)console_size->width); /* libcrun tries again */
	return master;
}

/* Leaves the child with its streams, the preserved descriptors, the pipe and nothing else. */
static int arrange_fds(const struct job *job, int *pipe)
{
	int preserved = job->with_preserved ? (int)job->container->preserve_fds : 0;
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int moved[3];

	if (null < 0)
		return -errno;
	*pipe = fcntl(*pipe, F_DUPFD_CLOEXEC, MOVED_FDS_MIN);
	for (int i = 0; i < 3; i++) {
		moved[i] = fcntl(job->stdio[i] < 0 ? null : job->stdio[i], F_DUPFD_CLOEXEC,
				 MOVED_FDS_MIN);
		if (moved[i] < 0 || *pipe < 0)
			return -errno;
	}
	/* The preserved ones begin at 4, behind the creator's connection; each moves down by one.
	 */
	for (int i = 0; i < preserved; i++)
		if (dup2(4 + i, 3 + i) < 0)
			return -errno;
	for (int i = 0; i < 3; i++)
		if (dup2(moved[i], i) < 0)
			return -errno;
	*pipe = dup3(*pipe, 3 + preserved, O_CLOEXEC);
	null = -1; /* closed below, with all others */
	return *pipe < 0 || close_range(4 + (unsigned int)preserved, ~0u, 0) < 0 ? -errno : 0;
}

_Noreturn static void run_job(const struct job *job, int pipe)
{
	struct report report = {};
	autofree char *state_root = xformat("%s/runtime", job->container->run_dir);
	libcrun_context_t context = {
		.state_root = state_root,
		.id = job->container->id,
		.bundle = job->container->bundle,
		.fifo_exec_wait_fd = -1,
		.preserve_fds = 1, /* the pipe of reports */
		.detach = true,
	};
	int r = arrange_fds(job, &pipe);

	report_fd = pipe;
	if (r < 0)
		r = fail_errno(&report.err, r, "arrange descriptors");
	/* Its own copy of what it prints would reach the streams of the container. */
	stderr = fopen("/dev/null", "we");
	crun_set_output_handler(on_message, NULL);
	if (r == 0 && !stderr)
		r = fail_errno(&report.err, errno, "/dev/null");
	if (r == 0)
		r = job->run(job, &context, &report);
	if (r == 0 || report.err.code != LXCRI_E_NONE)
		(void)file_write_all(report_fd, &report, sizeof(report));
	_exit(r < 0 ? 1 : 0);
}

/* Reads all reports that are there, and waits for the end of the pipe @timeout_ms at most. */
static void read_reports(int pipe, int timeout_ms, struct report *result)
{
	struct pollfd poller = { .fd = pipe, .events = POLLIN };
	struct report report;

	while (poll(&poller, 1, timeout_ms) > 0 &&
	       read(pipe, &report, sizeof(report)) == sizeof(report)) {
		if (report.pid > 0) {
			result->pid = report.pid;
			result->has_hooks = report.has_hooks;
		}
		if (report.err.code != LXCRI_E_NONE && result->err.code == LXCRI_E_NONE)
			result->err = report.err;
	}
}

/* Runs @job in a child and waits for it. What the container's process reports later comes over
 * *@ret_pipe, owned by the caller. */
static int run_in_child(const struct job *job, struct report *report, int *ret_pipe,
			struct lxcri_error *err)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "pipe");
	child = fork();
	if (child == 0)
		run_job(job, fds[1]);
	(void)close(fds[1]);
	*ret_pipe = fds[0];
	if (child < 0)
		return fail_errno(err, errno, "fork");

	int status =
		job->exec ? process_wait_for(child, RUNTIME_EXEC_TIMEOUT_MS) : process_wait(child);

	read_reports(*ret_pipe, 0, report);
	if (status == -ETIMEDOUT)
		return fail(err, LXCRI_E_TIMEOUT, "it could not be entered within %d ms",
			    RUNTIME_EXEC_TIMEOUT_MS);
	if (report->err.code != LXCRI_E_NONE) {
		*err = report->err;
		return -1;
	}
	if (status != 0 && !job->exec)
		return fail(err, LXCRI_E_SYSTEM, "libcrun ended with status %d",
			    process_exit_code(status));
	return 0;
}

static int run_simple(const struct runtime_container *container,
		      int (*run)(const struct job *, libcrun_context_t *, struct report *),
		      int signal, struct lxcri_error *err)
{
	const struct job job = {
		.run = run, .container = container, .stdio = { -1, -1, -1 }, .signal = signal
	};
	struct report report = {};
	autoclose int pipe = -1;

	return run_in_child(&job, &report, &pipe, err);
}

/* libcrun itself would take the id alone, which two engines may both have. */
static void name_cgroup(const struct runtime_container *container, libcrun_container_t *loaded)
{
	runtime_spec_schema_config_schema *spec = loaded->container_def;
	autofree char *name = cgroup_name(CGROUP_PAYLOAD, container->id, container->run_dir);

	if (!spec->linux || (spec->linux->cgroups_path && !container->cgroups_path))
		return;
	free(spec->linux->cgroups_path);
	spec->linux->cgroups_path =
		container->cgroups_path ? xstrdup(container->cgroups_path) : xformat("/%s", name);
}

/* libcrun leaves the cgroup of a container whose limits it could not set. */
static void remove_cgroup(const libcrun_container_t *container)
{
	const runtime_spec_schema_config_schema *spec = container->container_def;
	const char *path = spec->linux ? spec->linux->cgroups_path : NULL;

	if (path && path[0] == '/' && path[1] && !strstr(path, ".."))
		cgroup_remove_empty(path, REMOVE_TIMEOUT_MS);
}

/* Whatever start and remove would have to do besides. */
static bool has_hooks(const libcrun_container_t *container)
{
	const runtime_spec_schema_config_schema *spec = container->container_def;

	return (spec->hooks && (spec->hooks->poststart_len > 0 || spec->hooks->poststop_len > 0)) ||
	       (spec->linux && spec->linux->intel_rdt);
}

static int create_in_child(const struct job *job, libcrun_context_t *context, struct report *report)
{
	libcrun_container_t *container;
	libcrun_container_status_t status = {};
	libcrun_error_t crun_err = NULL;
	libcrun_error_t ignored = NULL;

	context->preserve_fds = (int)job->container->preserve_fds + 1;
	context->console_socket = job->container->terminal ? job->container->console_socket : NULL;
	if (chdir(job->container->bundle) < 0)
		return fail_errno(&report->err, errno, "%s", job->container->bundle);
	container = libcrun_container_load_from_file("config.json", &crun_err);
	if (!container) {
		(void)crun_error_to_ours(&crun_err, &report->err);
		if (report->err.code == LXCRI_E_SYSTEM)
			report->err.code = LXCRI_E_INVALID_SPEC;
		return -1;
	}
	name_cgroup(job->container, container);
	if (libcrun_container_create(context, container, 0, &crun_err) < 0 ||
	    libcrun_read_container_status(&status, context->state_root, context->id, &crun_err) <
		    0) {
		(void)crun_error_to_ours(&crun_err, &report->err);
		(void)libcrun_container_delete(context, NULL, context->id, true, &ignored);
		remove_cgroup(container);
		return -1;
	}
	report->pid = status.pid;
	report->has_hooks = has_hooks(container);
	return 0;
}

static int crun_create(struct runtime_container *container, struct lxcri_error *err)
{
	struct job job = { .run = create_in_child, .container = container, .with_preserved = true };
	struct report report = {};
	struct crun_container *kept;
	autoclose int pipe = -1;

	memcpy(job.stdio, container->stdio, sizeof(job.stdio));
	if (run_in_child(&job, &report, &pipe, err) < 0)
		return -1;
	container->init = container->keeper = report.pid;
	kept = xnew(struct crun_container);
	*kept = (struct crun_container){ .pipe = steal_fd(&pipe), .has_hooks = report.has_hooks };
	container->backend = kept;
	return 0;
}

static int start_in_child(const struct job *job, libcrun_context_t *context, struct report *report)
{
	libcrun_error_t crun_err = NULL;

	if (libcrun_container_start(context, context->id, &crun_err) < 0)
		return crun_error_to_ours(&crun_err, &report->err);
	return 0;
}

/* Lets the first process go on, which waits for a byte. Without one to read it there is none. */
static int write_fifo(const struct runtime_container *container, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/runtime/%s/exec.fifo", container->run_dir, container->id);
	autoclose int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(err, errno, "release the container's process");

	int r = file_write_all(fd, "", 1);

	if (r < 0)
		return fail_errno(err, r, "release the container's process");
	(void)unlink(path); /* as libcrun does: it tells created from running by it */
	return 0;
}

static int crun_start(struct runtime_container *container, struct lxcri_error *err)
{
	struct crun_container *kept = container->backend;
	struct report report = {};
	int r = kept->has_hooks ? run_simple(container, start_in_child, 0, err)
				: write_fifo(container, err);

	if (r < 0)
		return -1;
	read_reports(kept->pipe, EXECUTED_TIMEOUT_MS, &report);
	closep(&kept->pipe);
	if (report.err.code == LXCRI_E_NONE)
		return 0;
	*err = report.err;
	return -1;
}

static int kill_in_child(const struct job *job, libcrun_context_t *context, struct report *report)
{
	libcrun_error_t crun_err = NULL;
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", job->signal);
	if (libcrun_container_killall(context, context->id, number, &crun_err) < 0)
		return crun_error_to_ours(&crun_err, &report->err);
	return 0;
}

static int crun_kill_all(struct runtime_container *container, int signal, struct lxcri_error *err)
{
	return run_simple(container, kill_in_child, signal, err);
}

static int pause_in_child(const struct job *job, libcrun_context_t *context, struct report *report)
{
	libcrun_error_t crun_err = NULL;

	if (libcrun_container_pause(context, context->id, &crun_err) < 0)
		return crun_error_to_ours(&crun_err, &report->err);
	return 0;
}

static int crun_pause(struct runtime_container *container, struct lxcri_error *err)
{
	return run_simple(container, pause_in_child, 0, err);
}

static int resume_in_child(const struct job *job, libcrun_context_t *context, struct report *report)
{
	libcrun_error_t crun_err = NULL;

	if (libcrun_container_unpause(context, context->id, &crun_err) < 0)
		return crun_error_to_ours(&crun_err, &report->err);
	return 0;
}

static int crun_resume(struct runtime_container *container, struct lxcri_error *err)
{
	return run_simple(container, resume_in_child, 0, err);
}

/* libcrun tells the pid by a file only. */
static int read_pid(int fd, pid_t *ret_pid)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return -ESRCH;
	*ret_pid = (pid_t)strtol(text, NULL, 10);
	return *ret_pid > 0 ? 0 : -ESRCH;
}

/* Reads the process object; it is freed with the child. */
static int read_process(const char *path, runtime_spec_schema_config_schema_process **ret_process,
			struct lxcri_error *err)
{
	struct parser_context parser = { .errfile = stderr };
	parser_error complaint = NULL;
	autofree char *bytes = NULL;
	yajl_val tree = NULL;
	char fault[256];
	size_t size;
	int r = file_read(AT_FDCWD, path, PROCESS_BYTES_MAX, &bytes, &size);

	if (r < 0)
		return fail_errno(err, r, "read %s", path);
	tree = yajl_tree_parse(bytes, fault, sizeof(fault));
	if (!tree)
		return fail(err, LXCRI_E_INVALID_SPEC, "%s: %s", path, fault);
	*ret_process = make_runtime_spec_schema_config_schema_process(tree, &parser, &complaint);
	if (!*ret_process)
		return fail(err, LXCRI_E_INVALID_SPEC, "%s: %s", path, complaint);
	return 0;
}

static int exec_in_child(const struct job *job, libcrun_context_t *context, struct report *report)
{
	runtime_spec_schema_config_schema_process *process = NULL;
	autoclose int pid_fd = memfd_create("pid", MFD_CLOEXEC);
	libcrun_error_t crun_err = NULL;
	char pid_file[32];
	int r;

	if (pid_fd < 0)
		return fail_errno(&report->err, errno, "memfd");
	(void)snprintf(pid_file, sizeof(pid_file), "/proc/self/fd/%d", pid_fd);
	context->pid_file = pid_file;
	context->console_socket = job->exec->console_socket;
	if (read_process(job->exec->process_path, &process, &report->err) < 0)
		return -1;
	console_size = process->console_size;
	r = libcrun_container_exec(context, context->id, process, &crun_err);
	if (r < 0)
		/* Without an error here, the process itself has reported one. */
		return crun_err ? crun_error_to_ours(&crun_err, &report->err) : -1;
	r = read_pid(pid_fd, &report->pid);
	return r < 0 ? fail_errno(&report->err, r, "learn the pid") : 0;
}

static pid_t crun_exec(struct runtime_container *container, const struct runtime_exec *exec,
		       struct lxcri_error *err)
{
	struct job job = { .run = exec_in_child, .container = container, .exec = exec };
	struct report report = {};
	autoclose int pipe = -1;

	memcpy(job.stdio, exec->stdio, sizeof(job.stdio));
	if (run_in_child(&job, &report, &pipe, err) < 0)
		return -1;
	read_reports(pipe, EXECUTED_TIMEOUT_MS, &report);
	if (report.err.code != LXCRI_E_NONE) {
		*err = report.err;
		return -1;
	}
	if (report.pid == 0)
		return fail(err, LXCRI_E_EXEC_FAILED, "libcrun started nothing");
	return report.pid;
}

static int remove_in_child(const struct job *job, libcrun_context_t *context, struct report *report)
{
	libcrun_error_t crun_err = NULL;

	if (libcrun_container_delete(context, NULL, context->id, true, &crun_err) < 0)
		return crun_error_to_ours(&crun_err, &report->err);
	return 0;
}

/* The part of libcrun_container_delete() that is left when the first process has ended and there
 * are no hooks. */
static int remove_in_place(const struct runtime_container *container, struct lxcri_error *err)
{
	autofree char *state_root = xformat("%s/runtime", container->run_dir);
	struct libcrun_cgroup_status *cgroup = NULL;
	libcrun_container_status_t status = {};
	libcrun_error_t crun_err = NULL;
	int r = libcrun_read_container_status(&status, state_root, container->id, &crun_err);

	if (r >= 0 && status.cgroup_path) {
		cgroup = libcrun_cgroup_make_status(&status);
		r = libcrun_cgroup_destroy(cgroup, &crun_err);
		libcrun_cgroup_status_free(cgroup);
	}
	if (r >= 0)
		r = libcrun_container_delete_status(state_root, container->id, &crun_err);
	libcrun_free_container_status(&status);
	return r < 0 ? crun_error_to_ours(&crun_err, err) : 0;
}

static int crun_remove(struct runtime_container *container, struct lxcri_error *err)
{
	struct crun_container *kept = container->backend;
	bool plain = kept && !kept->has_hooks && kill(container->init, 0) < 0;

	if (kept)
		closep(&kept->pipe);
	freep(&container->backend);
	if (plain && remove_in_place(container, err) == 0)
		return 0;
	return run_simple(container, remove_in_child, 0, err);
}

const struct runtime_ops runtime_crun = {
	.name = "crun",
	.create = crun_create,
	.start = crun_start,
	.kill_all = crun_kill_all,
	.pause = crun_pause,
	.resume = crun_resume,
	.exec = crun_exec,
	.remove = crun_remove,
};
