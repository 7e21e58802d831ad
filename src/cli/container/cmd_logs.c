/* SPDX-License-Identifier: MIT */
/* logs and wait. */

#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/workload/pod_container.h"

#include <string.h>
#include <unistd.h>

struct logs_options {
	bool follow;
	bool timestamps;
	bool only_stdout;
	bool only_stderr;
	const char *tail;
	const char *since;
	const char *until;
};

static const struct option_entry options_of_logs[] = {
	OPTION(logs_options, follow, "follow", 'f', OPTION_FLAG, NULL,
	       "go on until the container has stopped"),
	OPTION(logs_options, timestamps, "timestamps", 't', OPTION_FLAG, NULL,
	       "begin each line with its time"),
	OPTION(logs_options, tail, "tail", 'n', OPTION_TEXT, "N|all", "only the last N lines"),
	OPTION(logs_options, since, "since", 0, OPTION_TEXT, "TIME",
	       "from TIME on: 2026-11-22T01:02:03Z, seconds since 1970, or 10m (ago)"),
	OPTION(logs_options, until, "until", 0, OPTION_TEXT, "TIME", "up to TIME"),
	OPTION(logs_options, only_stdout, "stdout", 0, OPTION_FLAG, NULL,
	       "only what was written to standard output"),
	OPTION(logs_options, only_stderr, "stderr", 0, OPTION_FLAG, NULL,
	       "only what was written to standard error"),
	{},
};

/* Reads the number of lines; "all" and, as docker has it, a negative one are all. */
static int parse_tail(const char *text, int64_t *ret_tail, struct lxcri_error *err)
{
	uint64_t number;

	*ret_tail = -1;
	if (!text || strcmp(text, "all") == 0 || strcmp(text, "-1") == 0)
		return 0;
	if (text_parse_u64(text, 0, INT64_MAX - 1, &number) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--tail: \"%s\" is not a number from 0, or all", text);
	*ret_tail = (int64_t)number;
	return 0;
}

static int fill_options(const struct logs_options *options, struct lxcri_log_options *ret,
			struct lxcri_error *err)
{
	bool both = options->only_stdout == options->only_stderr;

	*ret = (struct lxcri_log_options){
		.follow = options->follow,
		.timestamps = options->timestamps,
		.no_stdout = !both && !options->only_stdout,
		.no_stderr = !both && !options->only_stderr,
	};
	if (parse_tail(options->tail, &ret->tail, err) < 0 ||
	    cli_parse_moment("--since", options->since, &ret->since_ns, err) < 0 ||
	    cli_parse_moment("--until", options->until, &ret->until_ns, err) < 0)
		return -1;
	return 0;
}

static int cmd_logs(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_log_options options;

	if (argc != 1)
		return cli_usage(cli, err, "expected the id of a container");
	if (fill_options(verb_options, &options, err) < 0 ||
	    pod_container_open(cli, argv[0], &container, err) < 0 ||
	    lxcri_container_logs(container, &options, STDOUT_FILENO, STDERR_FILENO, err) < 0)
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
