/* SPDX-License-Identifier: MIT */
/* stop. */

#include "cli/commands.h"

struct stop_options {
	int grace_seconds; /* -1: as configured */
};

static const struct option_entry options_of_stop[] = {
	OPTION(stop_options, grace_seconds, "time", 't', OPTION_COUNT, "SECONDS",
	       "wait so long before killing (10)"),
	{},
};

static int stop_one(struct lxcri_container *container, const void *options, struct lxcri_error *err)
{
	return lxcri_container_stop(container, *(const unsigned int *)options, err);
}

static int cmd_stop(struct cli *cli, const void *verb_options, int argc, char **argv,
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
	return cli_each_container(cli, argv, stop_one, &grace_seconds);
}

const struct verb verb_stop = {
	.name = "stop",
	.arguments = "ID...",
	.summary = "send containers their stop signal, and kill them when they do not end",
	.options = options_of_stop,
	.options_size = sizeof(struct stop_options),
	.options_defaults = &(const struct stop_options){ .grace_seconds = -1 },
	.run = cmd_stop,
};
