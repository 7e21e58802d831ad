/* SPDX-License-Identifier: MIT */
/* config show, check and example. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/subverb.h"
#include "config/example.h"

#include <string.h>

struct config_options {
	const char *format;
};

static const struct option_entry options_of_config[] = {
	OPTION(config_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the values that are shown"),
	{},
};

/* The only caller of the setters is this command, on behalf of its options. */
static const char *name_of(const char *origin)
{
	return strcmp(origin, "caller") == 0 ? "command line" : origin;
}

static void add_value_row(void *userdata, const char *key_path, const char *json,
			  const char *origin)
{
	struct print_table *table = userdata;

	strings_add(&table->cells, key_path);
	strings_add(&table->cells, json);
	strings_add(&table->cells, name_of(origin));
}

static void add_value_object(void *userdata, const char *key_path, const char *json,
			     const char *origin)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "value", json_tokener_parse(json));
	json_set_text(object, "origin", name_of(origin));
	json_object_object_add(userdata, key_path, object);
}

static int config_show(struct cli *cli, const struct config_options *options, char **argv,
		       struct lxcri_error *err)
{
	int is_json = print_wants_json(options->format, err);

	if (is_json < 0)
		return fail_while(err, "config show");
	if (argv[0])
		return cli_usage(cli, err, "show: expected no argument");
	if (cli_load_config(cli, err) < 0)
		return -1;
	if (is_json) {
		autojson object = json_object_new_object();

		lxcri_config_show(cli->config, add_value_object, object);
		print_json(object, stdout);
	} else {
		struct print_table table = { .columns = 3 };

		strings_add(&table.cells, "KEY");
		strings_add(&table.cells, "VALUE");
		strings_add(&table.cells, "FROM");
		lxcri_config_show(cli->config, add_value_row, &table);
		print_table_finish(&table, stdout);
	}
	return EXIT_SUCCESS;
}

static void print_fault(void *userdata, unsigned int line, const char *key_path, const char *text,
			int is_warning)
{
	autofree char *clean = print_clean(text);
	autofree char *path = print_clean(key_path);

	(void)printf("%s:%u: %s: %s%s%s\n", (const char *)userdata, line,
		     is_warning ? "warning" : "error", path, *path ? ": " : "", clean);
}

static int config_check(struct cli *cli, const struct config_options *options, char **argv,
			struct lxcri_error *err)
{
	if (!argv[0] || argv[1])
		return cli_usage(cli, err, "check: expected a file");

	int errors = lxcri_config_check(argv[0], print_fault, argv[0], err);

	if (errors < 0)
		return fail_while(err, "config check");
	if (errors > 0)
		return fail(err, LXCRI_E_INVALID_CONFIG, "config check: %s has %d error%s", argv[0],
			    errors, errors == 1 ? "" : "s");
	return EXIT_SUCCESS;
}

static int config_example(struct cli *cli, const struct config_options *options, char **argv,
			  struct lxcri_error *err)
{
	autofree char *text = NULL;

	if (argv[0])
		return cli_usage(cli, err, "example: expected no argument");
	text = config_example_text();
	(void)fputs(text, stdout);
	return EXIT_SUCCESS;
}

static const struct config_verb {
	struct subverb called;
	int (*run)(struct cli *cli, const struct config_options *options, char **argv,
		   struct lxcri_error *err);
} config_verbs[] = {
	{ { "show", NULL }, config_show },
	{ { "check", NULL }, config_check },
	{ { "example", NULL }, config_example },
};

static int cmd_config(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	const struct config_options *options = verb_options;
	const struct subverb_option format = { options->format, "--format", { "show" } };
	int found;

	if (argc == 0)
		return cli_usage(cli, err, "expected show, check or example");
	found = subverb_find(cli, argv[0], &config_verbs[0].called, ARRAY_LEN(config_verbs),
			     sizeof(config_verbs[0]), err);
	if (found < 0)
		return -1;
	if (subverb_check_options(cli, argv[0], &format, 1, err) < 0)
		return -1;
	return config_verbs[found].run(cli, options, argv + 1, err);
}

const struct verb verb_config = {
	.name = "config",
	.arguments = "show | check FILE | example",
	.summary = "show the effective configuration, check a file, print an example",
	.options = options_of_config,
	.options_size = sizeof(struct config_options),
	.run = cmd_config,
};
