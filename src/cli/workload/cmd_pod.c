/* SPDX-License-Identifier: MIT */
/* The verbs about pods. */

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/selection.h"
#include "cli/subverb.h"
#include "cli/workload/pod_option.h"
#include "lxcri/workload/pod.h"

#include <string.h>

struct pod_verb_options {
	const char *format;
	bool quiet;
	bool force;
	int time;
	const char *hostname;
	const char *ip;
	struct strings networks;
	struct strings ports;
	struct strings labels;
};

#define ROW(member_, name_, letter_, kind_, value_, help_) \
	OPTION(pod_verb_options, member_, name_, letter_, OPTION_##kind_, value_, help_)

static const struct option_entry options_of_pod[] = {
	ROW(format, "format", 0, TEXT, "table|json|FIELD",
	    "form of the list, or a field of inspect"),
	ROW(quiet, "quiet", 'q', FLAG, NULL, "list: only the names"),
	ROW(force, "force", 'f', FLAG, NULL, "delete: stop one that runs first"),
	ROW(time, "time", 't', COUNT, "SECONDS", "stop: until they are killed"),
	ROW(hostname, "hostname", 0, TEXT, "NAME", "create: of the pod"),
	ROW(networks, "network", 0, LIST, "NAME", "create: that it is in"),
	ROW(ip, "ip", 0, TEXT, "ADDRESS", "create: of IPv4"),
	ROW(ports, "publish", 'p', LIST, "[IP:][HOST:]PORT[/PROTOCOL]", "create: a port of it"),
	ROW(labels, "label", 'l', LIST, "NAME=VALUE", "create: label"),
	{},
};

static int pod_create(struct cli *cli, const struct pod_verb_options *options, char **words,
		      struct lxcri_error *err)
{
	autorun(pod_option_finish) struct pod_option given = {};
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_pod_options wanted = {
		.id = words[0],
		.hostname = options->hostname,
		.networks = (const char *const *)options->networks.items,
		.labels = (const char *const *)options->labels.items,
		.ip = options->ip,
		.grace_seconds = 10,
	};

	if (pod_option_read(&options->ports, words + 1, &given, err) < 0)
		return -1;
	wanted.ports = given.ports;
	wanted.n_ports = given.n_ports;
	wanted.containers = given.containers;
	wanted.n_containers = given.n_containers;
	if (lxcri_pod_create(cli->engine, &wanted, &pod, err) < 0)
		return -1;
	(void)puts(words[0]);
	return EXIT_SUCCESS;
}

struct list {
	struct print_table table;
	struct json_object *array;
	bool quiet;
};

static int add_row(void *userdata, const struct lxcri_pod_state *state)
{
	struct list *list = userdata;
	struct json_object *object = json_object_new_object();
	autofree char *age = print_duration(moment_now() - state->created_ns);

	json_object_array_add(list->array, object);
	json_set_text(object, "id", state->id);
	json_set_text(object, "namespace", state->name_space);
	json_set_text(object, "hostname", state->hostname);
	json_set_text(object, "owner", state->owner);
	json_set_text(object, "runtime", lxcri_container_type_name(state->type));
	json_set_text(object, "status", lxcri_pod_status_name(state->status));
	json_object_object_add(object, "containers",
			       json_object_new_int64((int64_t)state->n_containers));
	json_object_object_add(object, "ready", json_object_new_int64((int64_t)state->n_ready));
	json_object_object_add(object, "restarts", json_object_new_int64(state->restarts));
	if (list->quiet) {
		(void)puts(state->id);
		return 0;
	}
	strings_add(&list->table.cells, state->id);
	strings_add(&list->table.cells, state->name_space);
	strings_addf(&list->table.cells, "%zu/%zu", state->n_ready, state->n_containers);
	strings_add(&list->table.cells, lxcri_pod_status_name(state->status));
	strings_addf(&list->table.cells, "%jd", (intmax_t)state->restarts);
	strings_add(&list->table.cells, lxcri_container_type_name(state->type));
	strings_add_consume(&list->table.cells, steal(age));
	return 0;
}

static int pod_list(struct cli *cli, const struct pod_verb_options *options, char **words,
		    struct lxcri_error *err)
{
	static const char *const columns[] = { "POD",      "NAMESPACE", "READY", "STATUS",
					       "RESTARTS", "RUNTIME",   "AGE" };
	autojson array = json_object_new_array();
	int is_json = print_wants_json(options->format, err);
	struct list list = { .table.columns = ARRAY_LEN(columns),
			     .array = array,
			     .quiet = options->quiet && !is_json };

	if (is_json < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		strings_add(&list.table.cells, columns[i]);
	if (lxcri_pod_list(cli->engine, add_row, &list, err) < 0) {
		strings_finish(&list.table.cells);
		return -1;
	}
	if (is_json)
		print_json(array, stdout);
	if (is_json || list.quiet)
		strings_finish(&list.table.cells);
	else
		print_table_finish(&list.table, stdout);
	return EXIT_SUCCESS;
}

static int pod_inspect(struct cli *cli, const struct pod_verb_options *options, char **words,
		       struct lxcri_error *err)
{
	autojson array = json_object_new_array();
	struct selection selection = { .format = options->format };

	for (; *words; words++) {
		autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
		autofree char *text = NULL;
		struct json_object *object = NULL;

		if (lxcri_pod_open(cli->engine, *words, &pod, err) < 0 ||
		    lxcri_pod_inspect_json(pod, &text, err) < 0 ||
		    json_parse(text, strlen(text), &json_limits_spec, &object, err) < 0)
			return -1;
		json_object_array_add(array, object);
		if (selection_is_field(&selection) && selection_add(&selection, text, err) < 0)
			return fail_while(err, "pod inspect %s", *words);
	}
	if (!selection_is_field(&selection))
		print_json(array, stdout);
	return EXIT_SUCCESS;
}

static int start_one(struct lxcri_pod *pod, const struct pod_verb_options *options,
		     struct lxcri_error *err)
{
	return lxcri_pod_start(pod, err);
}

static int stop_one(struct lxcri_pod *pod, const struct pod_verb_options *options,
		    struct lxcri_error *err)
{
	const unsigned int seconds = options->time >= 0 ? (unsigned int)options->time : 0;

	return lxcri_pod_stop(pod, options->time >= 0 ? &seconds : NULL, err);
}

static int delete_one(struct lxcri_pod *pod, const struct pod_verb_options *options,
		      struct lxcri_error *err)
{
	return lxcri_pod_delete(pod, options->force, err);
}

/* One that fails is reported and the next is tried. */
static int each(struct cli *cli, const struct pod_verb_options *options, char **ids,
		int (*act)(struct lxcri_pod *pod, const struct pod_verb_options *options,
			   struct lxcri_error *err))
{
	int code = EXIT_SUCCESS;

	for (; *ids; ids++) {
		autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
		struct lxcri_error one = {};

		if (lxcri_pod_open(cli->engine, *ids, &pod, &one) == 0 &&
		    act(pod, options, &one) == 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
}

static int pod_start(struct cli *cli, const struct pod_verb_options *options, char **words,
		     struct lxcri_error *err)
{
	return each(cli, options, words, start_one);
}

static int pod_stop(struct cli *cli, const struct pod_verb_options *options, char **words,
		    struct lxcri_error *err)
{
	return each(cli, options, words, stop_one);
}

static int pod_delete(struct cli *cli, const struct pod_verb_options *options, char **words,
		      struct lxcri_error *err)
{
	return each(cli, options, words, delete_one);
}

static const struct pod_verb {
	struct subverb called;
	int min, max; /* arguments; max -1: any number */
	const char *wanted;
	int (*run)(struct cli *cli, const struct pod_verb_options *options, char **words,
		   struct lxcri_error *err);
} pod_verbs[] = {
	{ { "create", NULL }, 1, -1, "expected a name", pod_create },
	{ { "start", NULL }, 1, -1, "expected a name", pod_start },
	{ { "stop", NULL }, 1, -1, "expected a name", pod_stop },
	{ { "delete", "rm" }, 1, -1, "expected a name", pod_delete },
	{ { "list", "ls" }, 0, 0, "expected no argument", pod_list },
	{ { "inspect", "show" }, 1, -1, "expected a name", pod_inspect },
};

static int check_options(const struct cli *cli, const struct pod_verb_options *options,
			 const char *name, struct lxcri_error *err)
{
	const struct subverb_option owned[] = {
		{ options->format, "--format", { "list", "inspect" } },
		{ options->quiet, "--quiet", { "list" } },
		{ options->force, "--force", { "delete" } },
		{ options->time >= 0, "--time", { "stop" } },
		{ options->hostname, "--hostname", { "create" } },
		{ options->networks.count > 0, "--network", { "create" } },
		{ options->ip, "--ip", { "create" } },
		{ options->ports.count > 0, "--publish", { "create" } },
		{ options->labels.count > 0, "--label", { "create" } },
	};

	return subverb_check_options(cli, name, owned, ARRAY_LEN(owned), err);
}

static int cmd_pod(struct cli *cli, const void *options, int argc, char **argv,
		   struct lxcri_error *err)
{
	const struct pod_verb *verb;
	int found;

	if (argc == 0)
		return cli_usage(cli, err, "expected a verb, as in pod list");
	found = subverb_find(cli, argv[0], &pod_verbs[0].called, ARRAY_LEN(pod_verbs),
			     sizeof(pod_verbs[0]), err);
	if (found < 0)
		return -1;
	verb = &pod_verbs[found];
	if (argc - 1 < verb->min || (verb->max >= 0 && argc - 1 > verb->max))
		return cli_usage(cli, err, "%s: %s", verb->called.name, verb->wanted);
	if (check_options(cli, options, verb->called.name, err) < 0 ||
	    cli_open_engine(cli, err) < 0)
		return -1;
	return verb->run(cli, options, argv + 1, err);
}

const struct verb verb_pod = {
	.name = "pod",
	.arguments = "create POD [NAME=IMAGE]... | start POD... | stop POD... | delete POD... | "
		     "list | inspect POD...",
	.summary = "make, run and remove pods: containers that share their network",
	.details = "What needs more than an image is written as a manifest: see apply.",
	.options = options_of_pod,
	.options_size = sizeof(struct pod_verb_options),
	.options_defaults = &(const struct pod_verb_options){ .time = -1 },
	.run = cmd_pod,
};
