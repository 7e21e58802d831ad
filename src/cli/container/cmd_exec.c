/* SPDX-License-Identifier: MIT */
/* exec. */

#include "base/scope.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/workload/pod_container.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PROCESS_MAX (1u << 20)

struct exec_options {
	const char *process;
	const char *user;
	const char *working_dir;
	const char *pid_file;
	const char *console_socket;
	const char *container;
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
	OPTION(exec_options, container, "container", 'c', OPTION_TEXT, "NAME",
	       "of a pod: this one"),
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

/* As kubectl has it: POD -c NAME -- COMMAND. No command begins with a dash. Moves the id to where
 * the command begins behind it. */
static void take_kubectl_form(int *argc, char ***argv, const char **container)
{
	char *id = *argc > 0 ? (*argv)[0] : NULL;
	int skipped = 0;

	if (*argc > 2 &&
	    (strcmp((*argv)[1], "-c") == 0 || strcmp((*argv)[1], "--container") == 0)) {
		*container = (*argv)[2];
		skipped = 2;
	}
	if (*argc > skipped + 1 && strcmp((*argv)[skipped + 1], "--") == 0)
		skipped++;
	if (skipped == 0)
		return;
	*argv += skipped;
	*argc -= skipped;
	(*argv)[0] = id;
}

static int cmd_exec(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct exec_options *options = verb_options;
	const char *name = options->container;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autofree char *process = NULL;
	size_t size;
	struct lxcri_exec_options engine = {
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
	take_kubectl_form(&argc, &argv, &name);
	if (check_arguments(cli, options, argc, err) < 0)
		return -1;
	if (options->process) {
		int r = file_read(AT_FDCWD, options->process, PROCESS_MAX, &process, &size);

		if (r < 0)
			return fail_errno(err, r, "exec %s: read %s", argv[0], options->process);
		engine.process_json = process;
	}
	engine.args = options->process ? NULL : (const char *const *)(argv + 1);
	if (pod_container_open(cli, argv[0], name, &container, err) < 0)
		return -1;
	return lxcri_container_exec(container, &engine, err);
}

const struct verb verb_exec = {
	.name = "exec",
	.arguments = "ID COMMAND... | POD [-c NAME] -- COMMAND... | --process FILE ID",
	.summary = "run a further process in a container, and return its exit code",
	.options = options_of_exec,
	.options_size = sizeof(struct exec_options),
	.order = OPTIONS_FIRST,
	.codes = CLI_CODES_DOCKER,
	.moves = true,
	.run = cmd_exec,
};
