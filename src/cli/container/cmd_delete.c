/* SPDX-License-Identifier: MIT */
/* delete. */

#include "base/text.h"
#include "cli/commands.h"

#include <string.h>

struct delete_options {
	bool force;
};

static const struct option_entry options_of_delete[] = {
	OPTION(delete_options, force, "force", 'f', OPTION_FLAG, NULL,
	       "kill a running container first"),
	{},
};

/* With -f, "-", a path or a file of YAML or JSON means a manifest and never a container. */
static bool is_manifest(const char *word)
{
	return strcmp(word, "-") == 0 || strchr(word, '/') || text_ends_with(word, ".yaml") ||
	       text_ends_with(word, ".yml") || text_ends_with(word, ".json");
}

static int delete_one(struct lxcri_container *container, const void *options,
		      struct lxcri_error *err)
{
	return lxcri_container_delete(container, ((const struct delete_options *)options)->force,
				      err);
}

static int cmd_delete(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	const struct delete_options *options = verb_options;

	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	for (int i = 0; options->force && i < argc; i++)
		if (is_manifest(argv[i]))
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "delete -f %s: this version has no manifests", argv[i]);
	return cli_each_container(cli, argv, delete_one, options);
}

const struct verb verb_delete = {
	.name = "delete",
	.alias = "rm",
	.arguments = "ID...",
	.summary = "remove stopped containers with all that they own",
	.options = options_of_delete,
	.options_size = sizeof(struct delete_options),
	.run = cmd_delete,
};
