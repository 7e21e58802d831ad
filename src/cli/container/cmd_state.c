/* SPDX-License-Identifier: MIT */
/* state and inspect: what is known of one container, as JSON. */

#include "base/scope.h"
#include "cli/commands.h"

#include <string.h>

/* Prints the text that @get makes of the container @argv[0]. */
static int print_text(struct cli *cli, int argc, char **argv,
		      int (*get)(struct lxcri_container *, char **, struct lxcri_error *),
		      struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autofree char *json = NULL;

	if (argc != 1)
		return cli_usage(cli, err, "expected the id of a container");
	if (cli_open_container(cli, argv[0], &container, err) < 0 || get(container, &json, err) < 0)
		return -1;

	size_t length = strlen(json);

	(void)fputs(json, stdout);
	if (length == 0 || json[length - 1] != '\n')
		(void)putchar('\n');
	return EXIT_SUCCESS;
}

static int cmd_state(struct cli *cli, const void *options, int argc, char **argv,
		     struct lxcri_error *err)
{
	return print_text(cli, argc, argv, lxcri_container_state_json, err);
}

static int cmd_inspect(struct cli *cli, const void *options, int argc, char **argv,
		       struct lxcri_error *err)
{
	return print_text(cli, argc, argv, lxcri_container_inspect_json, err);
}

const struct verb verb_state = {
	.name = "state",
	.arguments = "ID",
	.summary = "print the OCI state of a container",
	.run = cmd_state,
};

const struct verb verb_inspect = {
	.name = "inspect",
	.arguments = "ID",
	.summary = "print all that is known of a container",
	.run = cmd_inspect,
};
