/* SPDX-License-Identifier: MIT */
/* get and scale. */

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/workload/object_table.h"
#include "lxcri/workload/manifest.h"
#include "manifest/yaml.h"

#include <string.h>

struct get_options {
	const char *name_space;
	const char *output;
	bool everywhere;
	bool watch;
};

static const struct option_entry options_of_get[] = {
	OPTION(get_options, name_space, "namespace", 'n', OPTION_TEXT, "NAME",
	       "of this namespace (default)"),
	OPTION(get_options, everywhere, "all-namespaces", 'A', OPTION_FLAG, NULL, "of all"),
	OPTION(get_options, output, "output", 'o', OPTION_TEXT, "wide|json|yaml|name",
	       "form of the output"),
	OPTION(get_options, watch, "watch", 'w', OPTION_FLAG, NULL, "go on with what changes"),
	{},
};

static void print_documents(struct json_object *array)
{
	for (size_t i = 0; i < json_count(array); i++) {
		autofree char *text = yaml_format(json_object_array_get_idx(array, i));

		(void)printf("%s%s", i ? "---\n" : "", text);
	}
}

static int print(struct json_object *array, const char *output, bool is_one,
		 struct lxcri_error *err)
{
	if (strcmp(output, "json") == 0)
		print_json(is_one ? json_object_array_get_idx(array, 0) : array, stdout);
	else if (strcmp(output, "yaml") == 0)
		print_documents(array);
	else
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--output: \"%.40s\" is none of wide, json, yaml and name", output);
	return EXIT_SUCCESS;
}

static int cmd_get(struct cli *cli, const void *verb_options, int argc, char **argv,
		   struct lxcri_error *err)
{
	const struct get_options *options = verb_options;
	const char *name_space = options->everywhere   ? NULL
				 : options->name_space ? options->name_space
						       : "default";
	autofree char *text = NULL;
	autojson array = NULL;
	const char *kind = argc > 0 && strcmp(argv[0], "all") != 0 ? argv[0] : NULL;
	const char *name = argc > 1 ? argv[1] : NULL;

	if (argc < 1 || argc > 2)
		return cli_usage(cli, err, "expected a kind, as in get pods, or all");
	if (cli_open_engine(cli, err) < 0)
		return -1;
	if (object_table_is_for(options->output)) {
		const struct object_table wanted = { .kind = kind,
						     .name_space = name_space,
						     .name = name,
						     .output = options->output,
						     .watch = options->watch };

		return object_table_print(cli, &wanted, err) < 0 ? -1 : EXIT_SUCCESS;
	}
	if (options->watch)
		return cli_usage(cli, err, "--watch goes with a table, or -o name");
	if (lxcri_manifest_get_json(cli->engine, kind, name_space, name, &text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;
	return print(array, options->output, name != NULL, err);
}

const struct verb verb_get = {
	.name = "get",
	.arguments = "KIND [NAME]",
	.summary = "show what was applied from manifests",
	.options = options_of_get,
	.options_size = sizeof(struct get_options),
	.run = cmd_get,
};

struct scale_options {
	const char *name_space;
	int replicas;
};

static const struct option_entry options_of_scale[] = {
	OPTION(scale_options, replicas, "replicas", 0, OPTION_COUNT, "N", "how many pods"),
	OPTION(scale_options, name_space, "namespace", 'n', OPTION_TEXT, "NAME",
	       "of this namespace (default)"),
	{},
};

static int cmd_scale(struct cli *cli, const void *verb_options, int argc, char **argv,
		     struct lxcri_error *err)
{
	const struct scale_options *options = verb_options;

	if (argc != 2 || options->replicas < 0)
		return cli_usage(cli, err, "expected a kind, a name and --replicas");
	if (cli_open_engine(cli, err) < 0)
		return -1;
	return lxcri_manifest_scale(cli->engine, argv[0],
				    options->name_space ? options->name_space : "default", argv[1],
				    (unsigned int)options->replicas, err);
}

const struct verb verb_scale = {
	.name = "scale",
	.arguments = "KIND NAME",
	.summary = "change how many pods a Deployment or StatefulSet has",
	.options = options_of_scale,
	.options_size = sizeof(struct scale_options),
	.options_defaults = &(const struct scale_options){ .replicas = -1 },
	.run = cmd_scale,
};
