/* SPDX-License-Identifier: MIT */
/* get and scale. */

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "lxcri/workload/manifest.h"
#include "manifest/object.h"
#include "manifest/yaml.h"

#include <string.h>

struct get_options {
	const char *name_space;
	const char *output;
	bool everywhere;
};

static const struct option_entry options_of_get[] = {
	OPTION(get_options, name_space, "namespace", 'n', OPTION_TEXT, "NAME",
	       "of this namespace (default)"),
	OPTION(get_options, everywhere, "all-namespaces", 'A', OPTION_FLAG, NULL, "of all"),
	OPTION(get_options, output, "output", 'o', OPTION_TEXT, "wide|json|yaml|name",
	       "form of the output"),
	{},
};

struct rows {
	struct print_table table;
	bool is_wide;
};

static int add_row(void *userdata, const struct lxcri_object_state *state)
{
	struct rows *rows = userdata;
	struct print_table *table = &rows->table;
	autorun(text_finish) struct text ids = {};

	strings_add(&table->cells, state->kind);
	strings_add(&table->cells, state->name_space);
	strings_add(&table->cells, state->name);
	if (state->wanted < 0)
		strings_add(&table->cells, "-");
	else
		strings_addf(&table->cells, "%zu/%jd", state->ready, (intmax_t)state->wanted);
	strings_addf(&table->cells, "%jd", (intmax_t)state->revision);
	if (!rows->is_wide)
		return 0;
	for (size_t i = 0; state->pods && state->pods[i]; i++)
		text_addf(&ids, "%s%s", i ? "," : "", state->pods[i]);
	strings_add(&table->cells, ids.length ? ids.data : "-");
	return 0;
}

static void add_joined(struct print_table *table, struct json_object *array)
{
	autorun(text_finish) struct text text = {};

	for (size_t i = 0; i < json_count(array); i++)
		text_addf(&text, "%s%s", i ? "," : "",
			  json_object_get_string(json_object_array_get_idx(array, i)));
	strings_add(&table->cells, text.length ? text.data : "-");
}

/* As kubectl writes them: "80:30080/TCP". */
static void add_ports(struct print_table *table, struct json_object *ports)
{
	autorun(text_finish) struct text text = {};

	for (size_t i = 0; i < json_count(ports); i++) {
		struct json_object *port = json_object_array_get_idx(ports, i);
		const char *protocol = json_get_text(port, "protocol");
		intmax_t node_port = (intmax_t)json_get_i64(port, "nodePort", 0);

		text_addf(&text, "%s%jd", i ? "," : "", (intmax_t)json_get_i64(port, "port", 0));
		if (node_port)
			text_addf(&text, ":%jd", node_port);
		text_addf(&text, "/%s", protocol ? protocol : "TCP");
	}
	strings_add(&table->cells, text.length ? text.data : "-");
}

static void add_service(struct json_object *object, bool is_wide, struct print_table *table)
{
	struct json_object *meta = json_get(object, "metadata");
	struct json_object *spec = json_get(object, "spec");
	const char *type = json_get_text(spec, "type");
	const char *address = json_get_text(spec, "clusterIP");

	strings_add(&table->cells, json_get_text(meta, "namespace"));
	strings_add(&table->cells, json_get_text(meta, "name"));
	strings_add(&table->cells, type ? type : "ClusterIP");
	strings_add(&table->cells, address ? address : "-");
	add_joined(table, json_get(spec, "externalIPs"));
	add_ports(table, json_get(spec, "ports"));
	if (is_wide)
		add_joined(table, json_get(json_get(object, "status"), "endpoints"));
}

static void print_services(struct json_object *array, bool is_wide)
{
	static const char *const columns[] = { "NAMESPACE",   "NAME",  "TYPE",     "CLUSTER-IP",
					       "EXTERNAL-IP", "PORTS", "ENDPOINTS" };
	struct print_table table = { .columns = ARRAY_LEN(columns) - !is_wide };

	for (size_t i = 0; i < table.columns; i++)
		strings_add(&table.cells, columns[i]);
	for (size_t i = 0; i < json_count(array); i++)
		add_service(json_object_array_get_idx(array, i), is_wide, &table);
	print_table_finish(&table, stdout);
}

static void print_documents(struct json_object *array)
{
	for (size_t i = 0; i < json_count(array); i++) {
		autofree char *text = yaml_format(json_object_array_get_idx(array, i));

		(void)printf("%s%s", i ? "---\n" : "", text);
	}
}

static void print_names(struct json_object *array)
{
	for (size_t i = 0; i < json_count(array); i++) {
		struct json_object *object = json_object_array_get_idx(array, i);

		(void)printf("%s/%s\n", json_get_text(object, "kind"),
			     json_get_text(json_get(object, "metadata"), "name"));
	}
}

static int print_rows(struct cli *cli, const struct lxcri_object_filter *of, bool is_wide,
		      struct lxcri_error *err)
{
	static const char *const columns[] = { "KIND",  "NAMESPACE", "NAME",
					       "READY", "REVISION",  "PODS" };
	struct rows rows = { .table.columns = ARRAY_LEN(columns) - !is_wide, .is_wide = is_wide };

	for (size_t i = 0; i < rows.table.columns; i++)
		strings_add(&rows.table.cells, columns[i]);
	if (lxcri_manifest_list(cli->engine, of, add_row, &rows, err) < 0) {
		strings_finish(&rows.table.cells);
		return -1;
	}
	print_table_finish(&rows.table, stdout);
	return EXIT_SUCCESS;
}

static int print_whole(struct cli *cli, const struct lxcri_object_filter *of, const char *output,
		       struct lxcri_error *err)
{
	autofree char *text = NULL;
	autojson array = NULL;

	if (lxcri_manifest_get_json(cli->engine, of->kind, of->name_space, of->name, &text, err) <
		    0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;
	if (!*output || strcmp(output, "wide") == 0)
		print_services(array, *output);
	else if (strcmp(output, "json") == 0)
		print_json(of->name ? json_object_array_get_idx(array, 0) : array, stdout);
	else if (strcmp(output, "yaml") == 0)
		print_documents(array);
	else
		print_names(array);
	return EXIT_SUCCESS;
}

/* They have a table of their own. */
static bool is_of_services(const struct lxcri_object_filter *of)
{
	struct lxcri_error unknown = {};
	enum object_kind kind;

	return of->kind && object_kind_parse(of->kind, &kind, &unknown) == 0 &&
	       kind == OBJECT_SERVICE;
}

static bool is_word(const char *word, const char *const words[])
{
	for (; *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static int cmd_get(struct cli *cli, const void *verb_options, int argc, char **argv,
		   struct lxcri_error *err)
{
	static const char *const whole[] = { "json", "yaml", "name", NULL };
	const struct get_options *options = verb_options;
	const char *output = options->output ? options->output : "";
	const struct lxcri_object_filter of = {
		.kind = argc > 0 && strcmp(argv[0], "all") != 0 ? argv[0] : NULL,
		.name_space = options->everywhere   ? NULL
			      : options->name_space ? options->name_space
						    : "default",
		.name = argc > 1 ? argv[1] : NULL,
	};

	if (argc < 1 || argc > 2)
		return cli_usage(cli, err, "expected a kind, as in get pods, or all");
	if (options->output && strcmp(output, "wide") != 0 && !is_word(output, whole))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--output: \"%.40s\" is none of wide, json, yaml and name", output);
	if (cli_open_engine(cli, err) < 0)
		return -1;
	return is_word(output, whole) || is_of_services(&of) ? print_whole(cli, &of, output, err)
							     : print_rows(cli, &of, *output, err);
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
