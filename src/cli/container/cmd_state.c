/* SPDX-License-Identifier: MIT */
/* state: the OCI state of one container, as JSON. */

#include "base/scope.h"
#include "cli/commands.h"

#include <string.h>

static int cmd_state(struct cli *cli, const void *options, int argc, char **argv,
		     struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autofree char *json = NULL;

	if (argc != 1)
		return cli_usage(cli, err, "expected the id of a container");
	if (cli_open_container(cli, argv[0], &container, err) < 0 ||
	    lxcri_container_state_json(container, &json, err) < 0)
		return -1;

	size_t length = strlen(json);

	(void)fputs(json, stdout);
	if (length == 0 || json[length - 1] != '\n')
		(void)putchar('\n');
	return EXIT_SUCCESS;
}

const struct verb verb_state = {
	.name = "state",
	.arguments = "ID",
	.summary = "print the OCI state of a container",
	.run = cmd_state,
};
