/* SPDX-License-Identifier: MIT */
/* A further process in a container, by liblxc's attach.
 *
 * How it works: liblxc enters cgroups and namespaces and forks; the fork is a child of this process
 * and goes on in the function below, which does the same last steps as a container's first process.
 * Once it has been executed, this process tells its pid and ends: the monitor, who is the
 * subreaper, inherits it and its exit status. Failures before exec come back through a pipe that
 * exec closes.
 */

#include "monitor/lxc/lxc_command.h"

#include "base/mem.h"
#include "base/scope.h"
#include "monitor/lxc/lxc_library.h"
#include "monitor/lxc/lxc_seccomp.h"
#include "monitor/lxc/lxc_spec.h"
#include "monitor/lxc/lxc_userns.h"
#include "monitor/shim/shim_process.h"
#include "os/file.h"
#include "os/process.h"
#include "os/socket.h"
#include "os/tree.h"
#include "runtime/lxc/lxc_sync.h"
#include "runtime/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>

struct attached {
	const struct lxc_command *command;
	const struct lxc_plan_process *process;
	int report[2];
};

/* A proc file system only where something is to be written there. */
static int open_proc(const struct lxc_plan_process *process, struct lxcri_error *err)
{
	struct tree_message message;

	if (!process->apparmor && (int32_t)process->oom_score_adj == INT32_MIN)
		return -1;

	int proc = tree_new("proc", "proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &message);

	if (proc < 0)
		(void)fail_errno(err, proc, "make a private proc");
	return proc;
}

static int become(const struct attached *attached, struct lxcri_error *err)
{
	const struct lxc_plan_process *process = attached->process;

	if (process->terminal) {
		autoclose int master = shim_make_terminal(process, err);

		if (master < 0 || shim_send_terminal(attached->command->console, master, err) < 0)
			return -1;
	}

	struct lxcri_error proc_error = {};
	const struct shim_launch launch = {
		.process = process,
		.proc = open_proc(process, &proc_error),
		.report = attached->report[1],
	};

	if (proc_error.code != LXCRI_E_NONE) {
		*err = proc_error;
		return -1;
	}
	return shim_execute(&launch, err);
}

/* Runs in the container, as root of it. */
static int run_attached(void *payload)
{
	const struct attached *attached = payload;
	struct lxc_sync message = { .type = LXC_SYNC_FAILED };

	(void)become(attached, &message.error);
	(void)file_write_all(attached->report[1], &message, sizeof(message));
	return message.error.code == LXCRI_E_COMMAND_NOT_FOUND ? 127 : 126;
}

static int load_process(const struct lxc_command *command, struct lxc_plan_process *process,
			struct lxcri_error *err)
{
	autofree char *bytes = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, command->process_path, PROCESS_BYTES_MAX, &bytes, &size);

	if (r < 0)
		return fail_errno(err, r, "read %s", command->process_path);
	if (lxc_spec_process_parse(bytes, size, command->console >= 0, process, err) < 0)
		return -1;
	return lxc_seccomp_load(command->run_dir, process, err);
}

/* Reads what the attached process has to say until exec or its end closes the pipe. */
static int await_exec(int report, struct lxcri_error *err)
{
	struct lxc_sync message;
	bool executing = false;
	ssize_t size;

	while ((size = read(report, &message, sizeof(message))) == sizeof(message)) {
		if (message.type == LXC_SYNC_EXEC) {
			executing = true;
			continue;
		}
		*err = message.error;
		return -1;
	}
	if (!executing)
		return fail(err, LXCRI_E_EXEC_FAILED, "liblxc could not enter the container");
	return 0;
}

static int attach(const struct lxc_command *command, struct attached *attached,
		  struct lxcri_error *err)
{
	lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
	struct lxc_container *container;
	autofree char *lxcpath = NULL;
	pid_t pid = -1;

	/* Its own idea of groups, user, environment and label would only be undone. */
	options.attach_flags = LXC_ATTACH_MOVE_TO_CGROUP;
	options.env_policy = LXC_ATTACH_KEEP_ENV;
	options.initial_cwd = (char *)"/";
	options.uid = 0;
	options.gid = 0;
	options.stdin_fd = STDIN_FILENO;
	options.stdout_fd = STDOUT_FILENO;
	options.stderr_fd = STDERR_FILENO;
	if (lxc_go_private(command, &lxcpath, err) < 0 ||
	    lxc_library_open(command->id, lxcpath, &container, err) < 0)
		return -1;
	if (container->attach(container, run_attached, attached, &options, &pid) < 0 || pid <= 0)
		return fail(err, LXCRI_E_EXEC_FAILED, "enter container %s with liblxc",
			    command->id);
	closep(&attached->report[1]);
	if (await_exec(attached->report[0], err) < 0) {
		(void)process_wait(pid);
		return -1;
	}

	const struct lxc_sync message = { .type = LXC_SYNC_PID, .pid = pid };
	int r = socket_send(command->sync, &message, sizeof(message), NULL, 0);

	return r < 0 ? fail_errno(err, r, "tell the pid") : 0;
}

int lxc_exec(const struct lxc_command *command, struct lxcri_error *err)
{
	autorun(lxc_plan_process_finish) struct lxc_plan_process process = {};
	struct attached attached = { .command = command, .process = &process };

	if (!command->process_path)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "lxcri-lxc exec: --process is missing");
	if (load_process(command, &process, err) < 0)
		return -1;
	lxc_userns_raise_limits(&process);
	/* A container process that could trace us could use what we have open. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (pipe2(attached.report, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "make a pipe");

	int r = attach(command, &attached, err);

	closep(&attached.report[0]);
	closep(&attached.report[1]);
	return r;
}
