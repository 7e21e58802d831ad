/* SPDX-License-Identifier: MIT */
/* get and scale. */

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "lxcri/workload/manifest.h"
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

static void add_cells(struct json_object *object, bool is_wide, struct print_table *table)
{
	struct json_object *meta = json_get(object, "metadata");
	struct json_object *spec = json_get(object, "spec");
	struct json_object *status = json_get(object, "status");
	struct json_object *pods = json_get(status, "pods");
	int64_t ready = json_get_i64(status, "readyReplicas", -1);
	int64_t wanted = json_get_i64(spec, "replicas", 1);

	strings_add(&table->cells, json_get_text(object, "kind"));
	strings_add(&table->cells, json_get_text(meta, "namespace"));
	strings_add(&table->cells, json_get_text(meta, "name"));
	if (ready < 0)
		strings_add(&table->cells, "-");
	else
		strings_addf(&table->cells, "%jd/%jd", (intmax_t)ready, (intmax_t)wanted);
	strings_addf(&table->cells, "%jd", (intmax_t)json_get_i64(status, "revision", 1));
	if (!is_wide)
		return;

	autorun(text_finish) struct text ids = {};

	for (size_t i = 0; i < json_count(pods); i++)
		text_addf(&ids, "%s%s", i ? "," : "",
			  json_object_get_string(json_object_array_get_idx(pods, i)));
	strings_add(&table->cells, ids.length ? ids.data : "-");
}

static void print_objects(struct json_object *array, bool is_wide)
{
	static const char *const columns[] = { "KIND",  "NAMESPACE", "NAME",
					       "READY", "REVISION",  "PODS" };
	struct print_table table = { .columns = ARRAY_LEN(columns) - !is_wide };

	for (size_t i = 0; i < table.columns; i++)
		strings_add(&table.cells, columns[i]);
	for (size_t i = 0; i < json_count(array); i++)
		add_cells(json_object_array_get_idx(array, i), is_wide, &table);
	print_table_finish(&table, stdout);
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

/* Services alone have a table of their own. */
static bool are_services(struct json_object *array)
{
	bool all = json_count(array) > 0;

	for (size_t i = 0; i < json_count(array); i++) {
		const char *kind = json_get_text(json_object_array_get_idx(array, i), "kind");

		all &= kind && strcmp(kind, "Service") == 0;
	}
	return all;
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

static int print(struct json_object *array, const char *output, bool is_one,
		 struct lxcri_error *err)
{
	if ((!output || strcmp(output, "wide") == 0) && are_services(array))
		print_services(array, output != NULL);
	else if (!output || strcmp(output, "wide") == 0)
		print_objects(array, output != NULL);
	else if (strcmp(output, "json") == 0)
		print_json(is_one ? json_object_array_get_idx(array, 0) : array, stdout);
	else if (strcmp(output, "yaml") == 0)
		print_documents(array);
	else if (strcmp(output, "name") == 0)
		print_names(array);
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
	if (cli_open_engine(cli, err) < 0 ||
	    lxcri_manifest_get_json(cli->engine, kind, name_space, name, &text, err) < 0 ||
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
