/* SPDX-License-Identifier: MIT */
/* inspect: all that is known of containers, or one field of it, as JSON. docs/inspect.schema.json
 * says what each field is. */

#include "base/scope.h"
#include "cli/commands.h"
#include "cli/selection.h"

struct inspect_options {
	const char *format;
};

/* One that fails is reported, and the next is tried. */
static int inspect(struct cli *cli, const char *id, struct selection *selection)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autofree char *json = NULL;
	struct lxcri_error err = {};

	if (cli_open_container(cli, id, &container, &err) == 0 &&
	    lxcri_container_inspect_json(container, &json, &err) == 0) {
		if (selection_add(selection, json, &err) == 0)
			return EXIT_SUCCESS;
		(void)fail_while(&err, "inspect %s", id);
	}
	cli_report(cli, &err);
	return EXIT_FAILURE;
}

static int cmd_inspect(struct cli *cli, const void *verb_options, int argc, char **argv,
		       struct lxcri_error *err)
{
	const struct inspect_options *options = verb_options;
	struct selection selection = { .format = options->format };
	int code = EXIT_SUCCESS;

	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	for (; *argv; argv++)
		if (inspect(cli, *argv, &selection) != EXIT_SUCCESS)
			code = EXIT_FAILURE;
	selection_print(&selection);
	return code;
}

static const struct option_entry options_of_inspect[] = {
	OPTION(inspect_options, format, "format", 'f', OPTION_TEXT, "json|FIELD",
	       "all, or one field: \"status\", \"spec.process.args[0]\""),
	{},
};

const struct verb verb_inspect = {
	.name = "inspect",
	.arguments = "ID...",
	.summary = "print all that is known of containers",
	.options = options_of_inspect,
	.options_size = sizeof(struct inspect_options),
	.run = cmd_inspect,
};
