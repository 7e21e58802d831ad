/* SPDX-License-Identifier: MIT */
/* rename: another id for a stopped container. */

#include "cli/commands.h"
#include "lxcri/files.h"

#include "base/scope.h"

static int cmd_rename(struct cli *cli, const void *options, int argc, char **argv,
		      struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;

	if (argc != 2)
		return cli_usage(cli, err, "expected the old and the new id");
	if (cli_open_container(cli, argv[0], &container, err) < 0 ||
	    lxcri_container_rename(container, argv[1], err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

const struct verb verb_rename = {
	.name = "rename",
	.arguments = "OLD NEW",
	.summary = "give a stopped container another id",
	.run = cmd_rename,
};
