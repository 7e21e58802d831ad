/* SPDX-License-Identifier: MIT */
/* describe. */

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/workload/pod_option.h"
#include "lxcri/event.h"
#include "lxcri/workload/manifest.h"
#include "manifest/object.h"
#include "manifest/yaml.h"

#include <string.h>

/* How many of the last events are told. */
#define EVENTS_MAX 20

struct describe_options {
	const char *name_space;
};

static const struct option_entry options_of_describe[] = {
	OPTION(describe_options, name_space, "namespace", 'n', OPTION_TEXT, "NAME",
	       "of this namespace (default)"),
	{},
};

static void print_clean_line(const char *name, const char *value)
{
	autofree char *clean = value ? print_clean(value) : NULL;

	(void)printf("%-14s%s\n", name, clean ? clean : "-");
}

static void print_yaml(const char *title, struct json_object *object)
{
	autofree char *text = object ? yaml_format(object) : NULL;
	char *rest = text;

	if (!object || json_object_object_length(object) == 0)
		return;
	(void)printf("%s:\n", title);
	for (char *line; (line = strsep(&rest, "\n")) && (*line || rest);)
		(void)printf("  %s\n", line);
}

static void add_condition(struct print_table *table, const char *name, bool is_so)
{
	strings_addf(&table->cells, "  %s", name);
	strings_add(&table->cells, is_so ? "True" : "False");
}

static void print_conditions(const struct lxcri_pod_state *state, struct json_object *containers)
{
	struct print_table table = { .columns = 2 };
	bool is_begun = true;

	for (size_t i = 0; i < json_count(containers); i++) {
		struct json_object *one = json_object_array_get_idx(containers, i);

		if (json_get_bool(one, "init", false))
			is_begun &= json_get(one, "exitCode") != NULL &&
				    json_get_i64(one, "exitCode", -1) == 0;
	}
	(void)puts("Conditions:");
	strings_add(&table.cells, "  TYPE");
	strings_add(&table.cells, "STATUS");
	add_condition(&table, "Initialized", is_begun);
	add_condition(&table, "ContainersReady",
		      state->status == LXCRI_POD_RUNNING && state->n_ready == state->n_containers);
	add_condition(&table, "Ready",
		      state->status == LXCRI_POD_RUNNING && state->n_ready == state->n_containers &&
			      !state->ending);
	print_table_finish(&table, stdout);
}

static void print_probes(struct json_object *probes)
{
	json_object_object_foreach(probes, kind, probe)
	{
		const char *output = json_get_text(probe, "output");
		autofree char *clean = output ? print_clean(output) : NULL;

		(void)printf("    %s: %s every %jds, failing %jd times%s%s\n", kind,
			     json_get_text(probe, "by"), (intmax_t)json_get_i64(probe, "period", 0),
			     (intmax_t)json_get_i64(probe, "failing", 0), clean ? ": " : "",
			     clean ? clean : "");
	}
}

static void print_place(struct json_object *place)
{
	const char *node = json_get_text(place, "node");

	if (node)
		(void)printf("    proxmox: CT %ju on node %s\n",
			     (uintmax_t)json_get_u64(place, "vmid", 0), node);
}

static void print_containers(struct json_object *containers, const char *title, bool is_first)
{
	bool is_titled = false;

	for (size_t i = 0; i < json_count(containers); i++) {
		struct json_object *one = json_object_array_get_idx(containers, i);
		struct json_object *probes = json_get(one, "probes");
		const char *health = json_get_text(one, "health");

		if (json_get_bool(one, "init", false) != is_first)
			continue;
		if (!is_titled)
			(void)printf("%s:\n", title);
		is_titled = true;
		(void)printf("  %s:\n    image: %s\n    state: %s%s%s\n    restarts: %jd\n",
			     json_get_text(one, "name"), json_get_text(one, "image"),
			     json_get_text(one, "status"), health ? ", " : "", health ? health : "",
			     (intmax_t)json_get_i64(one, "restarts", 0));
		if (json_get(one, "exitCode"))
			(void)printf("    exit code: %jd\n",
				     (intmax_t)json_get_i64(one, "exitCode", 0));
		print_place(json_get(one, "proxmox"));
		if (probes)
			print_probes(probes);
	}
}

static int describe_pod(struct cli *cli, const char *id, struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	autofree char *text = NULL;
	autojson object = NULL;
	struct lxcri_pod_state state;
	struct json_object *networks;

	if (lxcri_pod_open(cli->engine, id, &pod, err) < 0 ||
	    lxcri_pod_state(pod, &state, err) < 0 || lxcri_pod_inspect_json(pod, &text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &object, err) < 0)
		return -1;
	print_clean_line("Status:",
			 state.ending ? "Terminating" : lxcri_pod_status_name(state.status));
	print_clean_line("Controlled by:", state.owner);
	print_clean_line("Created:", json_get_text(object, "created"));
	networks = json_get(object, "networks");
	for (size_t i = 0; i < json_count(networks); i++)
		print_clean_line("IP:",
				 json_get_text(json_object_array_get_idx(networks, i), "ip4"));
	print_yaml("Labels", json_get(object, "labels"));
	print_yaml("Annotations", json_get(object, "annotations"));
	print_containers(json_get(object, "containers"), "Init containers", true);
	print_containers(json_get(object, "containers"), "Containers", false);
	print_conditions(&state, json_get(object, "containers"));
	return 0;
}

/* The last events of some pods and their containers. */
struct telling {
	const struct strings *pods;
	struct strings lines; /* time, object, event, attributes by turns */
};

static bool is_meant(const struct telling *telling, const char *id)
{
	for (size_t i = 0; i < telling->pods->count; i++) {
		size_t length = strlen(telling->pods->items[i]);

		if (strncmp(id, telling->pods->items[i], length) == 0 &&
		    (id[length] == '\0' || id[length] == '.'))
			return true;
	}
	return false;
}

static int take_event(void *userdata, const struct lxcri_event *event)
{
	struct telling *telling = userdata;
	autorun(text_finish) struct text more = {};

	if ((strcmp(event->type, "container") != 0 && strcmp(event->type, "pod") != 0) ||
	    strcmp(event->name, "exec") == 0 || !is_meant(telling, event->id))
		return 0;
	for (size_t i = 0; event->attributes[i]; i += 2)
		if (strcmp(event->attributes[i], "image") != 0)
			text_addf(&more, "%s%s=%s", more.length ? " " : "", event->attributes[i],
				  event->attributes[i + 1]);
	strings_addf(&telling->lines, "  %s", event->id);
	strings_add_consume(&telling->lines, print_duration(moment_now() - event->time_ns));
	strings_add(&telling->lines, event->name);
	strings_add(&telling->lines, more.length ? more.data : "");
	return 0;
}

static int print_events(struct cli *cli, const struct strings *pods, struct lxcri_error *err)
{
	static const char *const columns[] = { "  OBJECT", "AGE", "EVENT", "MESSAGE" };
	struct telling telling = { .pods = pods };
	const struct lxcri_event_options options = { .output_fd = -1 };
	struct print_table table = { .columns = ARRAY_LEN(columns) };
	size_t first;
	int r = lxcri_events(cli->engine, &options, take_event, &telling, err);

	(void)puts(telling.lines.count ? "Events:" : "Events: none");
	for (size_t i = 0; telling.lines.count && i < ARRAY_LEN(columns); i++)
		strings_add(&table.cells, columns[i]);
	first = telling.lines.count > EVENTS_MAX * ARRAY_LEN(columns)
			? telling.lines.count - EVENTS_MAX * ARRAY_LEN(columns)
			: 0;
	for (size_t i = first; i < telling.lines.count; i++)
		strings_add(&table.cells, telling.lines.items[i]);
	print_table_finish(&table, stdout);
	strings_finish(&telling.lines);
	return r < 0 ? -1 : 0;
}

/* What was applied, with the pods that it has. */
static int describe_object(struct cli *cli, enum object_kind kind, const char *name_space,
			   const char *name, struct strings *pods, struct lxcri_error *err)
{
	autofree char *text = NULL;
	autojson array = NULL;
	struct json_object *object, *status, *ids;

	if (lxcri_manifest_get_json(cli->engine, object_kind_name(kind), name_space, name, &text,
				    err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;
	object = json_object_array_get_idx(array, 0);
	status = json_get(object, "status");
	ids = json_get(status, "pods");
	json_take_texts(ids, pods);
	print_clean_line("Name:", name);
	print_clean_line("Namespace:", name_space);
	print_clean_line("Kind:", object_kind_name(kind));
	print_yaml("Labels", json_get(json_get(object, "metadata"), "labels"));
	print_yaml("Spec", json_get(object, "spec"));
	/* What is secret is not shown, but that it is there. */
	if (kind == OBJECT_CONFIG_MAP)
		print_yaml("Data", json_get(object, "data"));
	print_yaml("Status", status);
	return 0;
}

static int cmd_describe(struct cli *cli, const void *verb_options, int argc, char **argv,
			struct lxcri_error *err)
{
	const struct describe_options *options = verb_options;
	const char *name_space = options->name_space ? options->name_space : "default";
	autorun(strings_finish) struct strings pods = {};
	enum object_kind kind;

	if (argc != 2)
		return cli_usage(cli, err, "expected a kind and a name, as in describe pod web");
	if (object_kind_parse(argv[0], &kind, err) < 0 || cli_open_engine(cli, err) < 0)
		return -1;
	if (kind != OBJECT_POD) {
		if (describe_object(cli, kind, name_space, argv[1], &pods, err) < 0)
			return -1;
	} else {
		char *id = strcmp(name_space, "default") == 0
				   ? xstrdup(argv[1])
				   : xformat("%s_%s", name_space, argv[1]);

		strings_add_consume(&pods, id);
		print_clean_line("Name:", argv[1]);
		print_clean_line("Namespace:", name_space);
		if (describe_pod(cli, id, err) < 0)
			return -1;
	}
	if (kind != OBJECT_POD && pods.count == 0)
		return EXIT_SUCCESS;
	return print_events(cli, &pods, err) < 0 ? -1 : EXIT_SUCCESS;
}

const struct verb verb_describe = {
	.name = "describe",
	.arguments = "KIND NAME",
	.summary = "show what was applied or what a pod is, with conditions and events",
	.options = options_of_describe,
	.options_size = sizeof(struct describe_options),
	.run = cmd_describe,
};
