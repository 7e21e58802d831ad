/* SPDX-License-Identifier: MIT */
/* Containers through the command line that runc has, and all OCI runtimes with it.
 *
 * The runtime's processes are short: what it starts is left to the monitor as the nearest
 * subreaper, also what `exec --detach` starts. Its messages come through its log file; its standard
 * error is the container's where it starts a process. */

#include "runtime/ops.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/strings.h"
#include "base/text.h"
#include "os/file.h"
#include "os/process.h"
#include "runtime/oci_message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_NAME "runtime.log"
#define PID_NAME "runtime.pid"

/* A runtime that says more than this says it at the end. */
#define LOG_BYTES_MAX (1u << 20)

#define FDS_MAX 16 /* of process_spawn() */

/* One command of the runtime. */
struct command {
	const struct runtime_container *container;
	struct strings argv;
	char *log_path;
	int fds[FDS_MAX];
	unsigned int n_fds;
	int timeout_ms; /* 0: it ends in any case */
};

static void command_finish(struct command *command)
{
	strings_finish(&command->argv);
	freep(&command->log_path);
}

/* Begins the command line "RUNTIME --root … --log … @verb". */
static void command_init(struct command *command, const struct runtime_container *container,
			 const char *verb)
{
	*command = (struct command){ .container = container,
				     .log_path = xformat("%s/" LOG_NAME, container->run_dir),
				     .fds = { -1, -1, -1 },
				     .n_fds = 3 };
	strings_add(&command->argv, container->runtime_path);
	strings_add(&command->argv, "--root");
	strings_addf(&command->argv, "%s/runtime", container->run_dir);
	strings_add(&command->argv, "--log");
	strings_add(&command->argv, command->log_path);
	strings_add(&command->argv, "--log-format");
	strings_add(&command->argv, "json");
	if (container->systemd_cgroup)
		strings_add(&command->argv, "--systemd-cgroup");
	strings_add(&command->argv, verb);
}

static void add_option(struct command *command, const char *name, const char *value)
{
	if (!value)
		return;
	strings_add(&command->argv, name);
	strings_add(&command->argv, value);
}

static int explain(const struct command *command, int status, struct lxcri_error *err)
{
	autofree char *log = NULL;
	char message[sizeof(err->text)];
	size_t size;

	if (file_read(AT_FDCWD, command->log_path, LOG_BYTES_MAX, &log, &size) == 0 &&
	    oci_message_find(log, size, message, sizeof(message)) == 0)
		return fail(err, oci_message_code(message), "%s", message);
	return fail(err, LXCRI_E_SYSTEM, "%s ended with status %d without a message",
		    command->container->runtime_path, process_exit_code(status));
}

static int command_run(struct command *command, struct lxcri_error *err)
{
	static char *const env[] = { (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
					     "/usr/bin:/sbin:/bin",
				     NULL };
	const struct spawn spawn = { .path = command->container->runtime_path,
				     .argv = command->argv.items,
				     .env = env,
				     .fds = command->fds,
				     .n_fds = command->n_fds };
	int r = 0;

	(void)unlink(command->log_path); /* of an earlier command */

	pid_t pid = process_spawn(&spawn);

	if (pid == -ENOENT || pid == -EACCES)
		return fail_code_errno(err, LXCRI_E_RUNTIME_NOT_FOUND, pid, "%s", spawn.path);
	if (pid < 0)
		return fail_errno(err, pid, "%s", spawn.path);

	int status = command->timeout_ms ? process_wait_for(pid, command->timeout_ms)
					 : process_wait(pid);

	if (status == -ETIMEDOUT)
		r = fail(err, LXCRI_E_TIMEOUT, "it could not be entered within %d ms",
			 command->timeout_ms);
	else if (status < 0)
		r = fail_errno(err, status, "wait for %s", spawn.path);
	else if (status != 0)
		r = explain(command, status, err);
	(void)unlink(command->log_path);
	return r;
}

static int run_simple(const struct runtime_container *container, const char *verb, const char *flag,
		      const char *argument, struct lxcri_error *err)
{
	autorun(command_finish) struct command command;

	command_init(&command, container, verb);
	if (flag)
		strings_add(&command.argv, flag);
	strings_add(&command.argv, container->id);
	if (argument)
		strings_add(&command.argv, argument);
	return command_run(&command, err);
}

static int read_pid_file(const char *path, pid_t *ret_pid, struct lxcri_error *err)
{
	autofree char *text = NULL;
	uint64_t pid;
	size_t size;
	int r = file_read(AT_FDCWD, path, 64, &text, &size);

	if (r < 0)
		return fail_errno(err, r, "%s", path);
	(void)unlink(path);
	text[strcspn(text, "\n")] = '\0';
	if (text_parse_u64(text, 1, INT32_MAX, &pid) < 0)
		return fail(err, LXCRI_E_SYSTEM, "%s holds no pid", path);
	*ret_pid = (pid_t)pid;
	return 0;
}

static int oci_remove(struct runtime_container *container, struct lxcri_error *err)
{
	return run_simple(container, "delete", "--force", NULL, err);
}

static int oci_create(struct runtime_container *container, struct lxcri_error *err)
{
	autofree char *pid_file = xformat("%s/" PID_NAME, container->run_dir);
	autofree char *root = xformat("%s/runtime", container->run_dir);
	autorun(command_finish) struct command command;
	struct lxcri_error ignored = {};

	if (!container->runtime_path)
		return fail(err, LXCRI_E_RUNTIME_NOT_FOUND, "no program was named");
	if (mkdir(root, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, errno, "%s", root);
	command_init(&command, container, "create");
	add_option(&command, "--bundle", container->bundle);
	add_option(&command, "--pid-file", pid_file);
	if (container->terminal)
		add_option(&command, "--console-socket", container->console_socket);
	memcpy(command.fds, container->stdio, sizeof(container->stdio));
	if (container->preserve_fds > 0) {
		strings_add(&command.argv, "--preserve-fds");
		strings_addf(&command.argv, "%u", container->preserve_fds);
	}
	/* They begin at 4 here, behind the creator's connection. */
	for (unsigned int i = 0; i < container->preserve_fds; i++)
		command.fds[command.n_fds++] = 4 + (int)i;
	strings_add(&command.argv, container->id);
	if (command_run(&command, err) < 0 || read_pid_file(pid_file, &container->init, err) < 0) {
		(void)oci_remove(container, &ignored);
		return -1;
	}
	container->keeper = container->init;
	return 0;
}

static int oci_start(struct runtime_container *container, struct lxcri_error *err)
{
	return run_simple(container, "start", NULL, NULL, err);
}

static int oci_kill_all(struct runtime_container *container, int signal, struct lxcri_error *err)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", signal);
	return run_simple(container, "kill", "--all", number, err);
}

static int oci_pause(struct runtime_container *container, struct lxcri_error *err)
{
	return run_simple(container, "pause", NULL, NULL, err);
}

static int oci_resume(struct runtime_container *container, struct lxcri_error *err)
{
	return run_simple(container, "resume", NULL, NULL, err);
}

static pid_t oci_exec(struct runtime_container *container, const struct runtime_exec *exec,
		      struct lxcri_error *err)
{
	autofree char *pid_file = xformat("%s/" PID_NAME, container->run_dir);
	autorun(command_finish) struct command command;
	pid_t pid;

	command_init(&command, container, "exec");
	command.timeout_ms = RUNTIME_EXEC_TIMEOUT_MS;
	strings_add(&command.argv, "--detach");
	add_option(&command, "--pid-file", pid_file);
	add_option(&command, "--process", exec->process_path);
	add_option(&command, "--console-socket", exec->console_socket);
	strings_add(&command.argv, container->id);
	memcpy(command.fds, exec->stdio, sizeof(exec->stdio));
	if (command_run(&command, err) < 0 || read_pid_file(pid_file, &pid, err) < 0)
		return -1;
	return pid;
}

const struct runtime_ops runtime_oci_cli = {
	.name = "runc",
	.create = oci_create,
	.start = oci_start,
	.kill_all = oci_kill_all,
	.pause = oci_pause,
	.resume = oci_resume,
	.exec = oci_exec,
	.remove = oci_remove,
};
