/* SPDX-License-Identifier: MIT */
/* What is done with a container of Proxmox VE on its node.
 *
 * A further process is a child of this one, which stays until that has ended, and has its exit code
 * then; a detached one is left alone once it has been executed. */

#include "monitor/lxc/lxc_ct.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "monitor/lxc/lxc_library.h"
#include "monitor/lxc/lxc_spec.h"
#include "monitor/shim/shim_process.h"
#include "os/file.h"
#include "os/process.h"
#include "os/socket.h"
#include "runtime/lxc/lxc_sync.h"
#include "runtime/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITY_BITS 64

struct ct_command {
	const char *verb;
	const char *name; /* the number */
	const char *lxcpath;
	int process; /* a file with the process object */
	int sync;
	int console;     /* connected socket for the terminal's master; -1 without one */
	uint64_t bounds; /* the capabilities that a process may have at most; bit n is number n */
	bool detach;
};

struct ct_attached {
	const struct ct_command *command;
	struct lxc_plan_process *process;
	int report[2];
};

/* Takes what the container gives its own root: no more than the configuration and @bounds leave,
 * and nothing for another user. */
static int take_capabilities(struct lxc_plan_process *process, uint64_t bounds,
			     struct lxcri_error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data) < 0)
		return fail_errno(err, errno, "read the capabilities of its root");
	process->bounding = 0;
	for (unsigned int i = 0; i < CAPABILITY_BITS; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			process->bounding |= (uint64_t)1 << i;
	process->bounding &= bounds;
	process->permitted = process->effective = process->inheritable = process->ambient = 0;
	if (process->uid == 0)
		process->permitted = process->effective =
			(data[0].permitted | (uint64_t)data[1].permitted << 32) & bounds;
	return 0;
}

static int become(struct ct_attached *attached, struct lxcri_error *err)
{
	struct lxc_plan_process *process = attached->process;
	const struct shim_launch launch = {
		.process = process,
		.proc = -1,
		.report = attached->report[1],
	};

	if (process->terminal) {
		autoclose int master = shim_make_terminal(process, err);

		if (master < 0 || shim_send_terminal(attached->command->console, master, err) < 0)
			return -1;
	}
	/* No process of the container's is in a session of the host's. */
	(void)setsid();
	return take_capabilities(process, attached->command->bounds, err) < 0
		       ? -1
		       : shim_execute(&launch, err);
}

/* Runs in the container, as root of it. */
static int run_attached(void *payload)
{
	struct ct_attached *attached = payload;
	struct lxc_sync message = { .type = LXC_SYNC_FAILED };

	(void)become(attached, &message.error);
	(void)file_write_all(attached->report[1], &message, sizeof(message));
	return message.error.code == LXCRI_E_COMMAND_NOT_FOUND ? 127 : 126;
}

static int load_process(const struct ct_command *command, struct lxc_plan_process *process,
			struct lxcri_error *err)
{
	autofree char *path = xformat("/proc/self/fd/%d", command->process);
	autofree char *bytes = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, PROCESS_BYTES_MAX, &bytes, &size);

	if (r < 0)
		return fail_errno(err, r, "read the process object");
	return lxc_spec_process_parse(bytes, size, command->console >= 0, process, err);
}

/* Waits until the process has been executed, or has said why not. */
static int await_exec(int report, struct lxcri_error *err)
{
	struct lxc_sync message;
	bool executing = false;

	while (read(report, &message, sizeof(message)) == sizeof(message)) {
		if (message.type != LXC_SYNC_EXEC) {
			*err = message.error;
			return -1;
		}
		executing = true;
	}
	return executing ? 0
			 : fail(err, LXCRI_E_EXEC_FAILED, "liblxc could not enter the container");
}

static int tell_pid(const struct ct_command *command, pid_t pid, struct lxcri_error *err)
{
	const struct lxc_sync message = { .type = LXC_SYNC_PID, .pid = pid };
	int r = socket_send(command->sync, &message, sizeof(message), NULL, 0);

	return r < 0 ? fail_errno(err, r, "tell the pid") : 0;
}

static int attach(struct lxc_container *container, struct ct_attached *attached,
		  struct lxcri_error *err)
{
	const struct ct_command *command = attached->command;
	lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
	pid_t pid = -1;
	int status;

	options.env_policy = LXC_ATTACH_KEEP_ENV;
	options.initial_cwd = (char *)"/";
	options.stdin_fd = STDIN_FILENO;
	options.stdout_fd = STDOUT_FILENO;
	options.stderr_fd = STDERR_FILENO;
	if (container->attach(container, run_attached, attached, &options, &pid) < 0 || pid <= 0)
		return fail(err, LXCRI_E_EXEC_FAILED, "enter CT %s with liblxc", command->name);
	closep(&attached->report[1]);
	if (await_exec(attached->report[0], err) < 0) {
		(void)process_wait(pid);
		return -1;
	}
	if (tell_pid(command, pid, err) < 0)
		return -1;
	if (command->detach)
		return 0;
	status = process_wait(pid);
	return status < 0 ? fail_errno(err, status, "wait for the process")
			  : process_exit_code(status);
}

static int run_exec(struct lxc_container *container, const struct ct_command *command,
		    struct lxcri_error *err)
{
	autorun(lxc_plan_process_finish) struct lxc_plan_process process = {};
	struct ct_attached attached = { .command = command, .process = &process };

	if (load_process(command, &process, err) < 0)
		return -1;
	/* A process of the container's that could trace us could use what we have open. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (pipe2(attached.report, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "make a pipe");

	int r = attach(container, &attached, err);

	closep(&attached.report[0]);
	closep(&attached.report[1]);
	return r;
}

static int run_verb(const struct ct_command *command, struct lxcri_error *err)
{
	struct lxc_container *container;
	pid_t pid;

	if (lxc_library_open(command->name, command->lxcpath, &container, err) < 0)
		return -1;
	pid = container->init_pid(container);
	if (pid <= 0)
		return fail(err, LXCRI_E_INVALID_STATE,
			    "CT %s does not run here, with its LXC directory in %s", command->name,
			    command->lxcpath);
	if (strcmp(command->verb, "ct-exec") == 0)
		return run_exec(container, command, err);
	if (strcmp(command->verb, "ct-pid") == 0)
		return tell_pid(command,
				strcmp(container->state(container), "FROZEN") == 0 ? -pid : pid,
				err);
	if (strcmp(command->verb, "ct-freeze") == 0 ? container->freeze(container)
						    : container->unfreeze(container))
		return tell_pid(command, pid, err);
	return fail(err, LXCRI_E_SYSTEM, "%s: liblxc could not do it for CT %s", command->verb,
		    command->name);
}

static int take_descriptor(const char *text, int *ret)
{
	uint64_t number;

	if (text_parse_u64(text, 3, INT32_MAX, &number) < 0)
		return -EINVAL;
	*ret = (int)number;
	return fcntl(*ret, F_SETFD, FD_CLOEXEC);
}

static int parse(struct ct_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "lxcpath", required_argument, NULL, 'p' },
		{ "process-fd", required_argument, NULL, 'o' },
		{ "sync-fd", required_argument, NULL, 's' },
		{ "console-fd", required_argument, NULL, 'c' },
		{ "bounds", required_argument, NULL, 'b' },
		{ "detach", no_argument, NULL, 'd' },
		{},
	};
	int option, r = 0;

	opterr = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
		switch (option) {
		case 'n':
			command->name = optarg;
			break;
		case 'p':
			command->lxcpath = optarg;
			break;
		case 'o':
			r = take_descriptor(optarg, &command->process);
			break;
		case 's':
			r = take_descriptor(optarg, &command->sync);
			break;
		case 'c':
			r = take_descriptor(optarg, &command->console);
			break;
		case 'b':
			r = text_parse_u64(optarg, 0, UINT64_MAX, &command->bounds);
			break;
		case 'd':
			command->detach = true;
			break;
		default:
			return -EINVAL;
		}
	}
	return r == 0 && command->name && command->lxcpath && command->sync >= 3 && optind == argc
		       ? 0
		       : -EINVAL;
}

int lxc_ct_main(int argc, char **argv)
{
	struct ct_command command = {
		.verb = argv[0], .process = -1, .sync = -1, .console = -1, .bounds = UINT64_MAX
	};
	struct lxc_sync message = { .type = LXC_SYNC_FAILED };
	int r;

	if (parse(&command, argc, argv) < 0)
		return 2;
	(void)prctl(PR_SET_NAME, "lxcri-lxc");
	r = run_verb(&command, &message.error);
	if (r >= 0)
		return r;
	(void)socket_send(command.sync, &message, sizeof(message), NULL, 0);
	return 1;
}
