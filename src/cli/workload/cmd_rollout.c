/* SPDX-License-Identifier: MIT */
/* rollout. */

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/subverb.h"
#include "lxcri/workload/manifest.h"

#include <string.h>
#include <time.h>

#define POLL_NS      200000000
#define POLLS_SECOND 5

struct rollout_options {
	const char *name_space;
	int revision;
	int timeout;
};

static const struct option_entry options_of_rollout[] = {
	OPTION(rollout_options, name_space, "namespace", 'n', OPTION_TEXT, "NAME",
	       "of this namespace (default)"),
	OPTION(rollout_options, revision, "to-revision", 0, OPTION_COUNT, "N",
	       "undo: to this one, not the one before"),
	OPTION(rollout_options, timeout, "timeout", 0, OPTION_COUNT, "SECONDS",
	       "status: how long to wait (60)"),
	{},
};

static const char *name_space_of(const struct rollout_options *options)
{
	return options->name_space ? options->name_space : "default";
}

/* How many pods of a StatefulSet are to stay as they were. */
static int64_t count_staying(struct json_object *spec, int64_t wanted)
{
	struct json_object *rolling = json_get(json_get(spec, "updateStrategy"), "rollingUpdate");
	int64_t partition = json_get_i64(rolling, "partition", 0);

	return partition < wanted ? partition : wanted;
}

static int check_strategy(struct json_object *spec, struct lxcri_error *err)
{
	const char *type = json_get_text(json_get(spec, "updateStrategy"), "type");

	return type && strcmp(type, "OnDelete") == 0
		       ? fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			      "its updateStrategy is OnDelete: its pods are replaced when somebody "
			      "removes them")
		       : 0;
}

/* Returns 1 when all pods are ready; *@ret_line says how many are. */
static int look(struct cli *cli, const struct rollout_options *options, char **words,
		char **ret_line, struct lxcri_error *err)
{
	autofree char *text = NULL;
	autojson array = NULL;
	autofree char *line = NULL;
	struct json_object *status, *spec;
	int64_t ready, wanted, former, staying;

	if (lxcri_manifest_get_json(cli->engine, words[0], name_space_of(options), words[1], &text,
				    err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;

	struct json_object *object = json_object_array_get_idx(array, 0);

	status = json_get(object, "status");
	spec = json_get(object, "spec");
	if (check_strategy(spec, err) < 0)
		return -1;
	wanted = json_get_i64(spec, "replicas", 1);
	staying = count_staying(spec, wanted);
	ready = json_get_i64(status, staying > 0 ? "readyReplicas" : "updatedReadyReplicas", 0);
	former = (int64_t)json_count(json_get(status, "pods")) -
		 json_get_i64(status, "updatedReplicas", 0) - staying;
	line = xformat("%s/%s: %jd of %jd pods are ready", json_get_text(object, "kind"), words[1],
		       (intmax_t)ready, (intmax_t)wanted);
	*ret_line = former > 0 ? xformat("%s, %jd former ones are there still%s", line,
					 (intmax_t)former,
					 json_get_bool(spec, "paused", false) ? " (paused)" : "")
			       : steal(line);
	return ready == wanted && former <= 0;
}

static int rollout_status(struct cli *cli, const struct rollout_options *options, char **words,
			  struct lxcri_error *err)
{
	static const struct timespec pause = { .tv_nsec = POLL_NS };
	int64_t polls = (int64_t)options->timeout * POLLS_SECOND;

	for (;;) {
		autofree char *line = NULL;
		int r = look(cli, options, words, &line, err);

		if (r < 0)
			return -1;
		if (r > 0) {
			(void)puts(line);
			return EXIT_SUCCESS;
		}
		if (polls-- <= 0)
			return fail(err, LXCRI_E_TIMEOUT, "%s", line);
		(void)nanosleep(&pause, NULL);
	}
}

static int rollout_undo(struct cli *cli, const struct rollout_options *options, char **words,
			struct lxcri_error *err)
{
	return lxcri_manifest_undo(cli->engine, words[0], name_space_of(options), words[1],
				   options->revision, err);
}

static int rollout_restart(struct cli *cli, const struct rollout_options *options, char **words,
			   struct lxcri_error *err)
{
	return lxcri_manifest_restart(cli->engine, words[0], name_space_of(options), words[1], err);
}

static int rollout_pause(struct cli *cli, const struct rollout_options *options, char **words,
			 struct lxcri_error *err)
{
	return lxcri_manifest_pause(cli->engine, words[0], name_space_of(options), words[1], true,
				    err);
}

static int rollout_resume(struct cli *cli, const struct rollout_options *options, char **words,
			  struct lxcri_error *err)
{
	return lxcri_manifest_pause(cli->engine, words[0], name_space_of(options), words[1], false,
				    err);
}

static int rollout_history(struct cli *cli, const struct rollout_options *options, char **words,
			   struct lxcri_error *err)
{
	static const char *const columns[] = { "REVISION", "CURRENT", "IMAGES" };
	struct print_table table = { .columns = ARRAY_LEN(columns) };
	autofree char *text = NULL;
	autojson array = NULL;

	if (lxcri_manifest_history_json(cli->engine, words[0], name_space_of(options), words[1],
					&text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		strings_add(&table.cells, columns[i]);
	for (size_t i = 0; i < json_count(array); i++) {
		struct json_object *row = json_object_array_get_idx(array, i);
		struct json_object *images = json_get(row, "images");
		autorun(text_finish) struct text names = {};

		for (size_t k = 0; k < json_count(images); k++)
			text_addf(&names, "%s%s", k ? "," : "",
				  json_object_get_string(json_object_array_get_idx(images, k)));
		strings_addf(&table.cells, "%jd", (intmax_t)json_get_i64(row, "revision", 0));
		strings_add(&table.cells, json_get_bool(row, "current", false) ? "*" : "");
		strings_add(&table.cells, names.length ? names.data : "-");
	}
	print_table_finish(&table, stdout);
	return EXIT_SUCCESS;
}

static const struct rollout_verb {
	struct subverb called;
	int (*run)(struct cli *cli, const struct rollout_options *options, char **words,
		   struct lxcri_error *err);
} rollout_verbs[] = {
	{ { "status", NULL }, rollout_status },   { { "undo", NULL }, rollout_undo },
	{ { "history", NULL }, rollout_history }, { { "restart", NULL }, rollout_restart },
	{ { "pause", NULL }, rollout_pause },     { { "resume", NULL }, rollout_resume },
};

static int cmd_rollout(struct cli *cli, const void *verb_options, int argc, char **argv,
		       struct lxcri_error *err)
{
	const struct rollout_options *options = verb_options;
	const struct subverb_option owned[] = {
		{ options->revision > 0, "--to-revision", { "undo" } },
		{ options->timeout != 60, "--timeout", { "status" } },
	};
	int found;

	if (argc != 3)
		return cli_usage(cli, err,
				 "expected a verb, a kind and a name, as in rollout "
				 "status deployment web");
	found = subverb_find(cli, argv[0], &rollout_verbs[0].called, ARRAY_LEN(rollout_verbs),
			     sizeof(rollout_verbs[0]), err);
	if (found < 0 || subverb_check_options(cli, argv[0], owned, ARRAY_LEN(owned), err) < 0 ||
	    cli_open_engine(cli, err) < 0)
		return -1;
	return rollout_verbs[found].run(cli, options, argv + 1, err);
}

const struct verb verb_rollout = {
	.name = "rollout",
	.arguments = "status KIND NAME | undo KIND NAME | history KIND NAME | restart KIND NAME | "
		     "pause KIND NAME | resume KIND NAME",
	.summary =
		"wait for a Deployment or StatefulSet, replace its pods, or return to earlier ones",
	.options = options_of_rollout,
	.options_size = sizeof(struct rollout_options),
	.options_defaults = &(const struct rollout_options){ .timeout = 60 },
	.run = cmd_rollout,
};
