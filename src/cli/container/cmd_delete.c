/* SPDX-License-Identifier: MIT */
/* delete. */

#include "base/log.h"
#include "base/scope.h"
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

static int delete_one(struct cli *cli, const char *id, bool force, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_error damage = {};

	if (cli_open_container(cli, id, &container, err) == 0)
		return lxcri_container_delete(container, force, err);
	if (!force || !cli->engine ||
	    (err->code != LXCRI_E_STORAGE_ERROR && err->code != LXCRI_E_INVALID_JSON))
		return -1;
	damage = *err;
	*err = (struct lxcri_error){};
	if (lxcri_container_discard(cli->engine, id, err) < 0)
		return -1;
	log_warning("%s; it has been removed", damage.text);
	return 0;
}

static int cmd_delete(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	const struct delete_options *options = verb_options;
	int code = EXIT_SUCCESS;

	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	for (int i = 0; options->force && i < argc; i++)
		if (is_manifest(argv[i]))
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "delete -f %s: this version has no manifests", argv[i]);
	for (; *argv; argv++) {
		struct lxcri_error one = {};

		if (delete_one(cli, *argv, options->force, &one) == 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
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
