/* SPDX-License-Identifier: MIT */
/* diff: what a container has changed of its image. */

#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "lxcri/files.h"

struct diff_options {
	const char *format;
};

static int print_line(void *userdata, enum lxcri_change change, const char *path)
{
	autofree char *clean = print_clean(path);

	(void)printf("%c %s\n", change, clean);
	return 0;
}

static int add_object(void *userdata, enum lxcri_change change, const char *path)
{
	struct json_object *object = json_object_new_object();
	const char kind[] = { (char)change, '\0' };

	json_set_text(object, "kind", kind);
	json_set_text(object, "path", path);
	(void)json_object_array_add(userdata, object);
	return 0;
}

static int cmd_diff(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct diff_options *options = verb_options;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autojson array = json_object_new_array();
	int is_json = print_wants_json(options->format, err);

	if (argc != 1)
		return cli_usage(cli, err, "expected the id of a container");
	if (is_json < 0)
		return fail_while(err, "diff");
	if (cli_open_container(cli, argv[0], &container, err) < 0 ||
	    lxcri_container_diff(container, is_json ? add_object : print_line, array, err) < 0)
		return -1;
	if (is_json)
		print_json(array, stdout);
	return EXIT_SUCCESS;
}

static const struct option_entry options_of_diff[] = {
	OPTION(diff_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the output"),
	{},
};

const struct verb verb_diff = {
	.name = "diff",
	.arguments = "ID",
	.summary = "list what a container has added (A), changed (C) and deleted (D)",
	.options = options_of_diff,
	.options_size = sizeof(struct diff_options),
	.run = cmd_diff,
};
