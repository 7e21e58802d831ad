/* SPDX-License-Identifier: MIT */
/* stop and restart. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "os/process.h"

#include <errno.h>
#include <unistd.h>

struct stop_options {
	int grace_seconds; /* -1: as configured */
	bool all;
	bool shutdown;
};

/* What is done to each container. */
struct stop {
	unsigned int grace_seconds;
	bool shutdown;
};

static const struct option_entry options_of_stop[] = {
	OPTION(stop_options, grace_seconds, "time", 't', OPTION_COUNT, "SECONDS",
	       "wait so long before killing (10)"),
	OPTION(stop_options, all, "all", 'a', OPTION_FLAG, NULL, "all that have not stopped"),
	OPTION(stop_options, shutdown, "shutdown", 0, OPTION_FLAG, NULL,
	       "the host goes down: restart policies hold again after the boot"),
	{},
};

static int stop_one(struct lxcri_container *container, const void *options, struct lxcri_error *err)
{
	const struct stop *stop = options;

	return stop->shutdown ? lxcri_container_shut_down(container, stop->grace_seconds, err)
			      : lxcri_container_stop(container, stop->grace_seconds, err);
}

static int note_unstopped(void *userdata, const struct lxcri_state *state)
{
	if (state->status != LXCRI_STATUS_STOPPED)
		strings_add(userdata, state->id);
	return 0;
}

/* Returns the process that stops the container @id, and exits as the command would. */
static pid_t start_stopping(struct cli *cli, char *id, const struct stop *stop)
{
	char *ids[] = { id, NULL };
	pid_t pid = fork();

	if (pid == 0)
		_exit(cli_each_container(cli, ids, stop_one, stop));
	return pid;
}

/* Each has its own time of grace, so each has a process that waits for it: a host that is shut down
 * waits for the slowest container only, not for one after the other. */
static int stop_side_by_side(struct cli *cli, const struct strings *ids, const struct stop *stop,
			     struct lxcri_error *err)
{
	autofree pid_t *children = xzalloc((ids->count + 1) * sizeof(*children));
	int code = EXIT_SUCCESS;
	int r = 0;

	/* The database is not for two processes. */
	lxcri_engine_free(cli->engine);
	cli->engine = NULL;
	for (size_t i = 0; i < ids->count; i++) {
		children[i] = start_stopping(cli, ids->items[i], stop);
		if (children[i] < 0)
			r = fail_errno(err, errno, "stop %s: start a process", ids->items[i]);
	}
	for (size_t i = 0; i < ids->count; i++)
		if (children[i] > 0 && process_wait(children[i]) != 0)
			code = EXIT_FAILURE;
	return r < 0 ? -1 : code;
}

static int stop_all(struct cli *cli, const struct stop *stop, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings ids = {};

	if (cli_open_engine(cli, err) < 0 ||
	    lxcri_container_list(cli->engine, note_unstopped, &ids, err) < 0)
		return -1;
	return stop_side_by_side(cli, &ids, stop, err);
}

static int cmd_stop(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct stop_options *options = verb_options;
	struct stop stop = { .shutdown = options->shutdown };

	if ((argc == 0) != options->all)
		return cli_usage(cli, err, "expected the id of a container, or --all");
	if (cli_load_config(cli, err) < 0)
		return -1;
	stop.grace_seconds = options->grace_seconds >= 0
				     ? (unsigned int)options->grace_seconds
				     : lxcri_config_stop_timeout_seconds(cli->config);
	if (options->all)
		return stop_all(cli, &stop, err);
	return cli_each_container(cli, argv, stop_one, &stop);
}

static int restart_one(struct lxcri_container *container, const void *options,
		       struct lxcri_error *err)
{
	return lxcri_container_restart(container, *(const unsigned int *)options, err);
}

static const struct option_entry options_of_restart[] = {
	OPTION(stop_options, grace_seconds, "time", 't', OPTION_COUNT, "SECONDS",
	       "wait so long before killing (10)"),
	{},
};

static int cmd_restart(struct cli *cli, const void *verb_options, int argc, char **argv,
		       struct lxcri_error *err)
{
	const struct stop_options *options = verb_options;
	unsigned int grace_seconds;

	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	if (cli_load_config(cli, err) < 0)
		return -1;
	grace_seconds = options->grace_seconds >= 0
				? (unsigned int)options->grace_seconds
				: lxcri_config_stop_timeout_seconds(cli->config);
	return cli_each_container(cli, argv, restart_one, &grace_seconds);
}

const struct verb verb_restart = {
	.name = "restart",
	.arguments = "ID...",
	.summary = "stop containers, and start them again",
	.options = options_of_restart,
	.options_size = sizeof(struct stop_options),
	.options_defaults = &(const struct stop_options){ .grace_seconds = -1 },
	.run = cmd_restart,
};

const struct verb verb_stop = {
	.name = "stop",
	.arguments = "ID... | --all",
	.summary = "send containers their stop signal, and kill them when they do not end",
	.options = options_of_stop,
	.options_size = sizeof(struct stop_options),
	.options_defaults = &(const struct stop_options){ .grace_seconds = -1 },
	.run = cmd_stop,
};
