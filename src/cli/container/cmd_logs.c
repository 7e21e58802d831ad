/* SPDX-License-Identifier: MIT */
/* logs and wait. */

#include "base/scope.h"
#include "cli/commands.h"

#include <unistd.h>

struct logs_options {
	bool follow;
	bool timestamps;
	int tail; /* -1: all */
};

static const struct option_entry options_of_logs[] = {
	OPTION(logs_options, follow, "follow", 'f', OPTION_FLAG, NULL,
	       "go on until the container has stopped"),
	OPTION(logs_options, timestamps, "timestamps", 't', OPTION_FLAG, NULL,
	       "begin each line with its time"),
	OPTION(logs_options, tail, "tail", 'n', OPTION_COUNT, "N", "only the last N lines"),
	{},
};

static int cmd_logs(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct logs_options *options = verb_options;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_log_options engine = {
		.tail = options->tail,
		.follow = options->follow,
		.timestamps = options->timestamps,
	};

	if (argc != 1)
		return cli_usage(cli, err, "expected the id of a container");
	if (cli_open_container(cli, argv[0], &container, err) < 0 ||
	    lxcri_container_logs(container, &engine, STDOUT_FILENO, STDERR_FILENO, err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

struct wait_options {
	int timeout_seconds; /* -1: for ever */
};

static const struct option_entry options_of_wait[] = {
	OPTION(wait_options, timeout_seconds, "timeout", 't', OPTION_COUNT, "SECONDS",
	       "fail when it takes longer"),
	{},
};

static int cmd_wait(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct wait_options *options = verb_options;

	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	for (; *argv; argv++) {
		autorun(lxcri_container_freep) struct lxcri_container *container = NULL;

		if (cli_open_container(cli, *argv, &container, err) < 0)
			return -1;

		int code = lxcri_container_wait(container, options->timeout_seconds, err);

		if (code < 0)
			return -1;
		(void)printf("%d\n", code);
		(void)fflush(stdout);
	}
	return EXIT_SUCCESS;
}

const struct verb verb_logs = {
	.name = "logs",
	.arguments = "ID",
	.summary = "print what a container has written",
	.options = options_of_logs,
	.options_size = sizeof(struct logs_options),
	.options_defaults = &(const struct logs_options){ .tail = -1 },
	.run = cmd_logs,
};

const struct verb verb_wait = {
	.name = "wait",
	.arguments = "ID...",
	.summary = "wait until containers have stopped, and print their exit codes",
	.options = options_of_wait,
	.options_size = sizeof(struct wait_options),
	.options_defaults = &(const struct wait_options){ .timeout_seconds = -1 },
	.run = cmd_wait,
};
