/* SPDX-License-Identifier: MIT */
/* The verbs about images: which there are, and what options they have. */

#include "base/mem.h"
#include "base/nearest.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/image/image_verbs.h"

#include <string.h>

static const struct option_entry options_of_image[] = {
	OPTION(image_options, format, "format", 'f', OPTION_TEXT, "table|json|FIELD",
	       "form of the list, or of inspect"),
	OPTION(image_options, quiet, "quiet", 'q', OPTION_FLAG, NULL, "only the names"),
	{},
};

DEFINE_AUTOPTR(lxcri_image_manager)

static const struct image_verb {
	const char *name, *alias;
	image_verb_fn *run;
} image_verbs[] = {
	{ "import", "load", image_import },
	{ "list", "ls", image_list },
	{ "inspect", "show", image_inspect },
	{ "remove", "rm", image_remove },
};

static int cmd_image(struct cli *cli, const void *options, int argc, char **argv,
		     struct lxcri_error *err)
{
	autoptr(lxcri_image_manager) images = NULL;
	struct nearest nearest;

	if (argc == 0)
		return cli_usage(cli, err, "expected import, list, inspect or remove");
	nearest = nearest_to(argv[0]);
	for (size_t i = 0; i < ARRAY_LEN(image_verbs); i++) {
		const struct image_verb *verb = &image_verbs[i];

		nearest_offer(&nearest, verb->name);
		if (strcmp(argv[0], verb->name) != 0 && strcmp(argv[0], verb->alias) != 0)
			continue;
		if (cli_open_engine(cli, err) < 0 ||
		    lxcri_image_manager_open(cli->engine, NULL, NULL, &images, err) < 0)
			return -1;
		return verb->run(cli, images, options, argv + 1, err);
	}
	if (nearest.best)
		return cli_usage(cli, err, "unknown verb \"%s\"; did you mean %s?", argv[0],
				 nearest.best);
	return cli_usage(cli, err, "unknown verb \"%s\"", argv[0]);
}

const struct verb verb_image = {
	.name = "image",
	.arguments = "import SOURCE [NAME] | list | inspect NAME... | remove NAME...",
	.summary = "import, list, inspect and remove images",
	.options = options_of_image,
	.options_size = sizeof(struct image_options),
	.run = cmd_image,
};
