/* SPDX-License-Identifier: MIT */
/* rollback and history: the way back from an update of the image, and what updates there were. */

#include "base/json.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/request/gate_options.h"
#include "cli/print.h"

struct rollback_options {
	struct gate_options gate;
};

static int rollback_one(struct lxcri_container *container, const void *options,
			struct lxcri_error *err)
{
	return lxcri_container_rollback(container, options, err);
}

static int cmd_rollback(struct cli *cli, const void *verb_options, int argc, char **argv,
			struct lxcri_error *err)
{
	const struct rollback_options *options = verb_options;
	struct lxcri_image_update_options update = {};

	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	if (cli_load_config(cli, err) < 0 ||
	    gate_options_fill(cli, &options->gate, &update, err) < 0)
		return fail_while(err, "rollback");
	return cli_each_container(cli, argv, rollback_one, &update);
}

struct history_options {
	const char *format;
};

static void print_history(struct json_object *array)
{
	static const char *const heading[] = { "TIME", "ACTION", "FROM", "TO", "RESULT", "ERROR" };
	static const char *const keys[] = { "time",  "action", "fromImage",
					    "image", "result", "error" };
	struct print_table table = { .columns = ARRAY_LEN(heading) };

	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&table.cells, heading[i]);
	for (size_t i = 0; i < json_count(array); i++)
		for (size_t j = 0; j < ARRAY_LEN(keys); j++) {
			const char *text =
				json_get_text(json_object_array_get_idx(array, i), keys[j]);

			strings_add(&table.cells, text ? text : "");
		}
	print_table_finish(&table, stdout);
}

static int cmd_history(struct cli *cli, const void *verb_options, int argc, char **argv,
		       struct lxcri_error *err)
{
	const struct history_options *options = verb_options;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autofree char *json = NULL;
	autojson array = NULL;
	int is_json = print_wants_json(options->format, err);

	if (is_json < 0)
		return fail_while(err, "history");
	if (argc != 1)
		return cli_usage(cli, err, "expected the id of one container");
	if (cli_open_container(cli, argv[0], &container, err) < 0 ||
	    lxcri_container_history_json(container, &json, err) < 0)
		return -1;
	array = json_tokener_parse(json);
	if (is_json)
		print_json(array, stdout);
	else
		print_history(array);
	return EXIT_SUCCESS;
}

static const struct option_entry options_of_rollback[] = {
	GATE_OPTIONS(rollback_options, gate, "none"),
	{},
};

static const struct option_entry options_of_history[] = {
	OPTION(history_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the output"),
	{},
};

const struct verb verb_rollback = {
	.name = "rollback",
	.arguments = "ID...",
	.summary = "put containers back on the image from before their last update",
	.options = options_of_rollback,
	.options_size = sizeof(struct rollback_options),
	.options_defaults = &(const struct rollback_options){ .gate = GATE_OPTIONS_DEFAULTS },
	.run = cmd_rollback,
};

const struct verb verb_history = {
	.name = "history",
	.arguments = "ID",
	.summary = "show the updates of a container",
	.options = options_of_history,
	.options_size = sizeof(struct history_options),
	.run = cmd_history,
};
