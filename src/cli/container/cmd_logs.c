/* SPDX-License-Identifier: MIT */
/* logs and wait. */

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/workload/log_streams.h"
#include "cli/workload/pod_container.h"
#include "lxcri/workload/manifest.h"
#include "manifest/object.h"

#include <string.h>
#include <unistd.h>

struct logs_options {
	bool follow;
	bool timestamps;
	bool only_stdout;
	bool only_stderr;
	const char *tail;
	const char *since;
	const char *until;
	const char *container;
	const char *name_space;
	bool all_containers;
	bool prefix;
};

static const struct option_entry options_of_logs[] = {
	OPTION(logs_options, follow, "follow", 'f', OPTION_FLAG, NULL,
	       "go on until the container has stopped"),
	OPTION(logs_options, timestamps, "timestamps", 't', OPTION_FLAG, NULL,
	       "begin each line with its time"),
	OPTION(logs_options, tail, "tail", 'n', OPTION_TEXT, "N|all", "only the last N lines"),
	OPTION(logs_options, since, "since", 0, OPTION_TEXT, "TIME",
	       "from TIME on: 2026-11-22T01:02:03Z, seconds since 1970, or 10m (ago)"),
	OPTION(logs_options, until, "until", 0, OPTION_TEXT, "TIME", "up to TIME"),
	OPTION(logs_options, only_stdout, "stdout", 0, OPTION_FLAG, NULL,
	       "only what was written to standard output"),
	OPTION(logs_options, only_stderr, "stderr", 0, OPTION_FLAG, NULL,
	       "only what was written to standard error"),
	OPTION(logs_options, container, "container", 'c', OPTION_TEXT, "NAME",
	       "of a pod: this one"),
	OPTION(logs_options, all_containers, "all-containers", 0, OPTION_FLAG, NULL,
	       "of a pod: all"),
	OPTION(logs_options, name_space, "namespace", 0, OPTION_TEXT, "NAME",
	       "of the pod (default)"),
	OPTION(logs_options, prefix, "prefix", 0, OPTION_FLAG, NULL,
	       "begin each line with whose it is; so it is where there are several"),
	{},
};

/* Reads the number of lines; "all" and, as docker has it, a negative one are all. */
static int parse_tail(const char *text, int64_t *ret_tail, struct lxcri_error *err)
{
	uint64_t number;

	*ret_tail = -1;
	if (!text || strcmp(text, "all") == 0 || strcmp(text, "-1") == 0)
		return 0;
	if (text_parse_u64(text, 0, INT64_MAX - 1, &number) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--tail: \"%s\" is not a number from 0, or all", text);
	*ret_tail = (int64_t)number;
	return 0;
}

static int fill_options(const struct logs_options *options, struct lxcri_log_options *ret,
			struct lxcri_error *err)
{
	bool both = options->only_stdout == options->only_stderr;

	*ret = (struct lxcri_log_options){
		.follow = options->follow,
		.timestamps = options->timestamps,
		.no_stdout = !both && !options->only_stdout,
		.no_stderr = !both && !options->only_stderr,
	};
	if (parse_tail(options->tail, &ret->tail, err) < 0 ||
	    cli_parse_moment("--since", options->since, &ret->since_ns, err) < 0 ||
	    cli_parse_moment("--until", options->until, &ret->until_ns, err) < 0)
		return -1;
	return 0;
}

static void add_text(struct strings *flags, const char *flag, const char *value)
{
	if (!value)
		return;
	strings_add(flags, flag);
	strings_add(flags, value);
}

/* Others may come while those of a Deployment or StatefulSet are followed. */
struct following {
	struct cli *cli;
	const char *word;
	struct pod_container_choice choice;
	struct strings seen; /* by turns an id and when it was started */
};

enum run { RUN_SEEN, RUN_FIRST, RUN_AGAIN };

/* Tells whether this run of the container has been seen, and notes it. */
static enum run note_run(struct following *following, const char *id, int64_t started_ns)
{
	autofree char *moment = xformat("%jd", (intmax_t)started_ns);
	struct strings *seen = &following->seen;

	for (size_t i = 0; i + 1 < seen->count; i += 2) {
		if (strcmp(seen->items[i], id) != 0)
			continue;
		if (strcmp(seen->items[i + 1], moment) == 0)
			return RUN_SEEN;
		free(seen->items[i + 1]);
		seen->items[i + 1] = steal(moment);
		return RUN_AGAIN;
	}
	strings_add(seen, id);
	strings_add(seen, moment);
	return RUN_FIRST;
}

/* Tells whether what @word names is not to have any pods: 1, 0 or -1. */
static int wants_none(const struct following *following, struct lxcri_error *err)
{
	const char *slash = strchr(following->word, '/');
	const char *name_space = following->choice.name_space;
	autofree char *kind = xstrndup(following->word, (size_t)(slash - following->word));
	autofree char *text = NULL;
	autojson array = NULL;

	if (lxcri_manifest_get_json(following->cli->engine, kind,
				    name_space ? name_space : "default", slash + 1, &text,
				    err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;
	return json_get_i64(json_get(json_object_array_get_idx(array, 0), "spec"), "replicas", 1) ==
	       0;
}

/* What makes pods again and again; of a pod itself nothing comes later. */
static bool makes_others(const char *word)
{
	const char *slash = strchr(word, '/');
	autofree char *text = slash ? xstrndup(word, (size_t)(slash - word)) : NULL;
	struct lxcri_error ignored = {};
	enum object_kind kind;

	return text && object_kind_parse(text, &kind, &ignored) == 0 &&
	       (kind == OBJECT_DEPLOYMENT || kind == OBJECT_STATEFUL_SET);
}

/* Of a run that is another than before, what it says from its beginning on. */
static void look_at(struct following *following, const char *id, struct strings *ret_later)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_error gone = {};
	struct lxcri_state state;
	char began[MOMENT_BYTES] = "";
	enum run run;

	if (lxcri_container_open(following->cli->engine, id, &container, &gone) < 0 ||
	    lxcri_container_state(container, &state, &gone) < 0 || state.started_ns <= 0)
		return;
	run = note_run(following, id, state.started_ns);
	if (run == RUN_SEEN)
		return;
	strings_add(ret_later, id);
	if (run == RUN_AGAIN)
		(void)moment_format(state.started_ns, began);
	strings_add(ret_later, began);
}

static int find_others(void *userdata, struct strings *ret_later, struct lxcri_error *err)
{
	struct following *following = userdata;
	autorun(strings_finish) struct strings ids = {};

	if (pod_container_list(following->cli, following->word, &following->choice, &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.count; i++)
		look_at(following, ids.items[i], ret_later);
	if (ids.count > 0)
		return 1;

	int none = wants_none(following, err);

	return none < 0 ? -1 : !none;
}

/* Has each log printed by a command of its own, with the same options. */
static int print_several(struct cli *cli, const struct logs_options *options,
			 struct following *following, const struct strings *ids,
			 struct lxcri_error *err)
{
	const struct {
		bool is_given;
		const char *flag;
	} plain[] = { { options->follow, "--follow" },
		      { options->timestamps, "--timestamps" },
		      { options->only_stdout, "--stdout" },
		      { options->only_stderr, "--stderr" } };
	autorun(strings_finish) struct strings flags = {};
	autorun(strings_finish) struct strings later = {};
	autorun(strings_finish) struct strings ignored = {};
	const struct log_streams streams = { .ids = ids,
					     .flags = &flags,
					     .flags_of_later = &later,
					     .together = options->follow,
					     .find = following ? find_others : NULL,
					     .userdata = following };

	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (plain[i].is_given)
			strings_add(&flags, plain[i].flag);
	strings_add_all(&later, &flags);
	add_text(&flags, "--tail", options->tail);
	add_text(&flags, "--since", options->since);
	add_text(&flags, "--until", options->until);
	add_text(&later, "--until", options->until);
	/* Those that are there are seen by now. */
	if (following && find_others(following, &ignored, err) < 0)
		return -1;
	return log_streams_print(cli, &streams, err);
}

/* Goes on until what has made the pods is gone. */
static int follow(struct cli *cli, const struct logs_options *options, const char *word,
		  const struct pod_container_choice *choice, const struct strings *ids,
		  struct lxcri_error *err)
{
	struct following following = { .cli = cli, .word = word, .choice = *choice };
	int r;

	following.choice.is_again = true;
	r = print_several(cli, options, &following, ids, err);
	strings_finish(&following.seen);
	if (r < 0 && err->code == LXCRI_E_OBJECT_NOT_FOUND)
		return 0;
	return r;
}

static int cmd_logs(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct logs_options *given = verb_options;
	const struct pod_container_choice choice = { .name_space = given->name_space,
						     .name = given->container,
						     .all = given->all_containers };
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autorun(strings_finish) struct strings ids = {};
	struct lxcri_log_options options;

	if (argc != 1)
		return cli_usage(cli, err, "expected the id of a container, a pod or KIND/NAME");
	if (given->container && given->all_containers)
		return cli_usage(cli, err, "--container and --all-containers exclude each other");
	if (fill_options(given, &options, err) < 0 || cli_open_engine(cli, err) < 0 ||
	    pod_container_list(cli, argv[0], &choice, &ids, err) < 0)
		return -1;
	if (given->follow && makes_others(argv[0]))
		return follow(cli, given, argv[0], &choice, &ids, err) < 0 ? -1 : EXIT_SUCCESS;
	if (ids.count > 1 || given->prefix)
		return print_several(cli, given, NULL, &ids, err) < 0 ? -1 : EXIT_SUCCESS;
	if (cli_open_container(cli, ids.items[0], &container, err) < 0 ||
	    lxcri_container_logs(container, &options, STDOUT_FILENO, STDERR_FILENO, err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

struct wait_options {
	int timeout_seconds; /* -1: for ever */
};

static const struct option_entry options_of_wait[] = {
	OPTION(wait_options, timeout_seconds, "timeout", 't', OPTION_COUNT, "SECONDS",
	       "fail when it takes longer"),
	{},
};

static int cmd_wait(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct wait_options *options = verb_options;

	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	for (; *argv; argv++) {
		autorun(lxcri_container_freep) struct lxcri_container *container = NULL;

		if (cli_open_container(cli, *argv, &container, err) < 0)
			return -1;

		int code = lxcri_container_wait(container, options->timeout_seconds, err);

		if (code < 0)
			return -1;
		(void)printf("%d\n", code);
		(void)fflush(stdout);
	}
	return EXIT_SUCCESS;
}

const struct verb verb_logs = {
	.name = "logs",
	.arguments = "ID | POD | KIND/NAME",
	.summary = "print what a container, or those of a pod or deployment, have written",
	.options = options_of_logs,
	.options_size = sizeof(struct logs_options),
	.run = cmd_logs,
};

const struct verb verb_wait = {
	.name = "wait",
	.arguments = "ID...",
	.summary = "wait until containers have stopped, and print their exit codes",
	.options = options_of_wait,
	.options_size = sizeof(struct wait_options),
	.options_defaults = &(const struct wait_options){ .timeout_seconds = -1 },
	.run = cmd_wait,
};
