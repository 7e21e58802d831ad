/* SPDX-License-Identifier: MIT */
/* start, pause and resume: one call for each container. */

#include "cli/commands.h"

static int start_one(struct lxcri_container *container, const void *options,
		     struct lxcri_error *err)
{
	return lxcri_container_start(container, err);
}

static int pause_one(struct lxcri_container *container, const void *options,
		     struct lxcri_error *err)
{
	return lxcri_container_pause(container, err);
}

static int resume_one(struct lxcri_container *container, const void *options,
		      struct lxcri_error *err)
{
	return lxcri_container_resume(container, err);
}

static int cmd_start(struct cli *cli, const void *options, int argc, char **argv,
		     struct lxcri_error *err)
{
	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	return cli_each_container(cli, argv, start_one, NULL);
}

static int cmd_pause(struct cli *cli, const void *options, int argc, char **argv,
		     struct lxcri_error *err)
{
	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	return cli_each_container(cli, argv, pause_one, NULL);
}

static int cmd_resume(struct cli *cli, const void *options, int argc, char **argv,
		      struct lxcri_error *err)
{
	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	return cli_each_container(cli, argv, resume_one, NULL);
}

const struct verb verb_start = {
	.name = "start",
	.arguments = "ID...",
	.summary = "run the process of created containers, or of stopped ones again",
	.run = cmd_start,
};

const struct verb verb_pause = {
	.name = "pause",
	.arguments = "ID...",
	.summary = "freeze containers",
	.run = cmd_pause,
};

const struct verb verb_resume = {
	.name = "resume",
	.alias = "unpause",
	.arguments = "ID...",
	.summary = "let paused containers go on",
	.run = cmd_resume,
};
