/* SPDX-License-Identifier: MIT */
/* logs and wait. */

#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/workload/log_streams.h"
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
	const char *container;
	const char *name_space;
	bool all_containers;
	bool prefix;
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
	OPTION(logs_options, container, "container", 'c', OPTION_TEXT, "NAME",
	       "of a pod: this one"),
	OPTION(logs_options, all_containers, "all-containers", 0, OPTION_FLAG, NULL,
	       "of a pod: all"),
	OPTION(logs_options, name_space, "namespace", 0, OPTION_TEXT, "NAME",
	       "of the pod (default)"),
	OPTION(logs_options, prefix, "prefix", 0, OPTION_FLAG, NULL,
	       "begin each line with whose it is; so it is where there are several"),
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

static void add_text(struct strings *flags, const char *flag, const char *value)
{
	if (!value)
		return;
	strings_add(flags, flag);
	strings_add(flags, value);
}

/* Has each log printed by a command of its own, with the same options. */
static int print_several(struct cli *cli, const struct logs_options *options,
			 const struct strings *ids, struct lxcri_error *err)
{
	const struct {
		bool is_given;
		const char *flag;
	} plain[] = { { options->follow, "--follow" },
		      { options->timestamps, "--timestamps" },
		      { options->only_stdout, "--stdout" },
		      { options->only_stderr, "--stderr" } };
	autorun(strings_finish) struct strings flags = {};
	const struct log_streams streams = { .ids = ids,
					     .flags = &flags,
					     .together = options->follow };

	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (plain[i].is_given)
			strings_add(&flags, plain[i].flag);
	add_text(&flags, "--tail", options->tail);
	add_text(&flags, "--since", options->since);
	add_text(&flags, "--until", options->until);
	return log_streams_print(cli, &streams, err);
}

static int cmd_logs(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct logs_options *given = verb_options;
	const struct pod_container_choice choice = { .name_space = given->name_space,
						     .name = given->container,
						     .all = given->all_containers };
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autorun(strings_finish) struct strings ids = {};
	struct lxcri_log_options options;

	if (argc != 1)
		return cli_usage(cli, err, "expected the id of a container, a pod or KIND/NAME");
	if (given->container && given->all_containers)
		return cli_usage(cli, err, "--container and --all-containers exclude each other");
	if (fill_options(given, &options, err) < 0 || cli_open_engine(cli, err) < 0 ||
	    pod_container_list(cli, argv[0], &choice, &ids, err) < 0)
		return -1;
	if (ids.count > 1 || given->prefix)
		return print_several(cli, given, &ids, err) < 0 ? -1 : EXIT_SUCCESS;
	if (cli_open_container(cli, ids.items[0], &container, err) < 0 ||
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
	.arguments = "ID | POD | KIND/NAME",
	.summary = "print what a container, or those of a pod or deployment, have written",
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
