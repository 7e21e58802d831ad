/* SPDX-License-Identifier: MIT */
/* exec. */

#include "base/scope.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/workload/pod_container.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>

#define PROCESS_MAX (1u << 20)

struct exec_options {
	const char *process;
	const char *user;
	const char *working_dir;
	const char *pid_file;
	const char *console_socket;
	struct strings env;
	bool terminal;
	bool interactive;
	bool detach;
};

static const struct option_entry options_of_exec[] = {
	OPTION(exec_options, env, "env", 'e', OPTION_LIST, "NAME=VALUE", "add a variable"),
	OPTION(exec_options, working_dir, "cwd", 0, OPTION_TEXT, "DIR", "working directory"),
	OPTION(exec_options, working_dir, "workdir", 'w', OPTION_TEXT, "DIR", "the same"),
	OPTION(exec_options, user, "user", 'u', OPTION_TEXT, "USER[:GROUP]",
	       "user, by name or number"),
	OPTION(exec_options, interactive, "interactive", 'i', OPTION_FLAG, NULL,
	       "pass standard input on"),
	OPTION(exec_options, terminal, "tty", 't', OPTION_FLAG, NULL, "give it a terminal"),
	OPTION(exec_options, detach, "detach", 'd', OPTION_FLAG, NULL,
	       "return once the process runs"),
	OPTION(exec_options, process, "process", 'p', OPTION_TEXT, "FILE",
	       "the process object of the OCI specification, instead of a command"),
	OPTION(exec_options, pid_file, "pid-file", 0, OPTION_TEXT, "FILE",
	       "write the process's pid to FILE"),
	OPTION(exec_options, console_socket, "console-socket", 0, OPTION_TEXT, "PATH",
	       "send the terminal to this socket"),
	{},
};

static int check_arguments(const struct cli *cli, const struct exec_options *options, int argc,
			   struct lxcri_error *err)
{
	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container and a command");
	if (options->process && argc > 1)
		return cli_usage(cli, err, "a command does not go with --process");
	if (!options->process && argc == 1)
		return cli_usage(cli, err, "expected a command behind the id");
	if (options->process && (options->env.count > 0 || options->user || options->working_dir))
		return cli_usage(cli, err, "--env, --user and --cwd do not go with --process");
	return 0;
}

static int cmd_exec(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct exec_options *options = verb_options;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autofree char *process = NULL;
	size_t size;
	struct lxcri_exec_options engine = {
		.args = options->process ? NULL : (const char *const *)(argv + 1),
		.env = (const char *const *)options->env.items,
		.working_dir = options->working_dir,
		.user = options->user,
		.terminal = options->terminal,
		/* runc's callers expect standard input to be passed on. */
		.open_stdin = options->interactive || options->process,
		.detach = options->detach,
		.console_socket = options->console_socket,
		.pid_file = options->pid_file,
	};

	if (options->process)
		cli->codes = CLI_CODES_PLAIN;
	if (check_arguments(cli, options, argc, err) < 0)
		return -1;
	if (options->process) {
		int r = file_read(AT_FDCWD, options->process, PROCESS_MAX, &process, &size);

		if (r < 0)
			return fail_errno(err, r, "exec %s: read %s", argv[0], options->process);
		engine.process_json = process;
	}
	if (pod_container_open(cli, argv[0], &container, err) < 0)
		return -1;
	return lxcri_container_exec(container, &engine, err);
}

const struct verb verb_exec = {
	.name = "exec",
	.arguments = "ID COMMAND... | --process FILE ID",
	.summary = "run a further process in a container, and return its exit code",
	.options = options_of_exec,
	.options_size = sizeof(struct exec_options),
	.order = OPTIONS_FIRST,
	.codes = CLI_CODES_DOCKER,
	.moves = true,
	.run = cmd_exec,
};
