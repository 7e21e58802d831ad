/* SPDX-License-Identifier: MIT */
/* What was applied, and pods, as a table. */

#include "cli/workload/object_table.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/workload/pod_option.h"
#include "engine/workload/endpoints.h"
#include "lxcri/event.h"
#include "lxcri/workload/manifest.h"
#include "manifest/object.h"

#include <string.h>
#include <unistd.h>

static const char *const object_columns[] = { "KIND",  "NAMESPACE", "NAME",
					      "READY", "REVISION",  "PODS" };
static const char *const pod_columns[] = { "NAMESPACE", "NAME", "READY",   "STATUS",
					   "RESTARTS",  "AGE",  "RUNTIME", "OWNER" };

static const char *const service_columns[] = { "NAMESPACE",   "NAME",  "TYPE",     "CLUSTER-IP",
					       "EXTERNAL-IP", "PORTS", "ENDPOINTS" };

static const char *const endpoint_columns[] = { "NAMESPACE", "NAME", "ENDPOINTS" };

static const struct layout {
	const char *kind; /* of all rows; NULL: it is in the first column */
	const char *const *columns;
	size_t count;
	size_t wide; /* of these, the last ones, are left out otherwise */
	int age;     /* the column that is no change; -1: none */
} object_layout = { NULL, object_columns, ARRAY_LEN(object_columns), 1, -1 },
  pod_layout = { "Pod", pod_columns, ARRAY_LEN(pod_columns), 2, 5 },
  service_layout = { "Service", service_columns, ARRAY_LEN(service_columns), 1, -1 },
  endpoint_layout = { "Endpoints", endpoint_columns, ARRAY_LEN(endpoint_columns), 0, -1 };

/* Rows of cells, of which the last ones are left out where it is not wide. */
struct rows {
	const struct object_table *wanted;
	const struct layout *layout;
	struct strings cells;
};

bool object_table_is_for(const char *output)
{
	return !output || strcmp(output, "wide") == 0 || strcmp(output, "name") == 0;
}

static bool is_wide(const struct object_table *wanted)
{
	return wanted->output && strcmp(wanted->output, "wide") == 0;
}

static void add_object(struct rows *rows, struct json_object *object)
{
	struct json_object *meta = json_get(object, "metadata");
	struct json_object *status = json_get(object, "status");
	struct json_object *pods = json_get(status, "pods");
	int64_t ready = json_get_i64(status, "readyReplicas", -1);
	int64_t wanted = json_get_i64(json_get(object, "spec"), "replicas", 1);
	autorun(text_finish) struct text ids = {};

	strings_add(&rows->cells, json_get_text(object, "kind"));
	strings_add(&rows->cells, json_get_text(meta, "namespace"));
	strings_add(&rows->cells, json_get_text(meta, "name"));
	if (ready < 0)
		strings_add(&rows->cells, "-");
	else
		strings_addf(&rows->cells, "%jd/%jd", (intmax_t)ready, (intmax_t)wanted);
	strings_addf(&rows->cells, "%jd", (intmax_t)json_get_i64(status, "revision", 1));
	for (size_t i = 0; i < json_count(pods); i++)
		text_addf(&ids, "%s%s", i ? "," : "",
			  json_object_get_string(json_object_array_get_idx(pods, i)));
	strings_add(&rows->cells, ids.length ? ids.data : "-");
}

static void add_joined(struct rows *rows, struct json_object *array)
{
	autorun(text_finish) struct text text = {};

	for (size_t i = 0; i < json_count(array); i++)
		text_addf(&text, "%s%s", i ? "," : "",
			  json_object_get_string(json_object_array_get_idx(array, i)));
	strings_add(&rows->cells, text.length ? text.data : "-");
}

/* As kubectl writes them: "80:30080/TCP". */
static void add_ports(struct rows *rows, struct json_object *ports)
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
	strings_add(&rows->cells, text.length ? text.data : "-");
}

static void add_service(struct rows *rows, struct json_object *object)
{
	struct json_object *meta = json_get(object, "metadata");
	struct json_object *spec = json_get(object, "spec");
	const char *type = json_get_text(spec, "type");
	const char *address = json_get_text(spec, "clusterIP");

	strings_add(&rows->cells, json_get_text(meta, "namespace"));
	strings_add(&rows->cells, json_get_text(meta, "name"));
	strings_add(&rows->cells, type ? type : "ClusterIP");
	strings_add(&rows->cells, address ? address : "-");
	if (json_get_text(spec, "externalName"))
		strings_add(&rows->cells, json_get_text(spec, "externalName"));
	else
		add_joined(rows, json_get(spec, "externalIPs"));
	add_ports(rows, json_get(spec, "ports"));
	add_joined(rows, json_get(json_get(object, "status"), "endpoints"));
}

/* "10.0.0.2:80,10.0.0.3:80": each address with each port; a service may have none. */
static void add_endpoints(struct rows *rows, struct json_object *object)
{
	struct json_object *meta = json_get(object, "metadata");
	struct json_object *subsets = json_get(object, "subsets");
	autorun(text_finish) struct text text = {};

	for (size_t i = 0; i < json_count(subsets); i++) {
		struct json_object *subset = json_object_array_get_idx(subsets, i);
		struct json_object *addresses = json_get(subset, "addresses");
		struct json_object *ports = json_get(subset, "ports");

		for (size_t k = 0; k < json_count(addresses); k++) {
			const char *ip =
				json_get_text(json_object_array_get_idx(addresses, k), "ip");
			const bool is_six = strchr(ip, ':') != NULL;

			for (size_t p = 0; p == 0 || p < json_count(ports); p++) {
				int64_t port = json_get_i64(json_object_array_get_idx(ports, p),
							    "port", 0);

				text_add(&text, text.length ? "," : "");
				text_addf(&text, is_six && port ? "[%s]" : "%s", ip);
				if (port)
					text_addf(&text, ":%jd", (intmax_t)port);
			}
		}
	}
	strings_add(&rows->cells, json_get_text(meta, "namespace"));
	strings_add(&rows->cells, json_get_text(meta, "name"));
	strings_add(&rows->cells, text.length ? text.data : "<none>");
}

/* The name in its namespace. */
static const char *name_of(const struct lxcri_pod_state *state)
{
	size_t length = strlen(state->name_space);

	return strncmp(state->id, state->name_space, length) == 0 && state->id[length] == '_'
		       ? state->id + length + 1
		       : state->id;
}

static int add_pod(void *userdata, const struct lxcri_pod_state *state)
{
	struct rows *rows = userdata;
	const struct object_table *wanted = rows->wanted;
	autofree char *age = print_duration(moment_now() - state->created_ns);

	if (wanted->name && strcmp(wanted->name, name_of(state)) != 0)
		return 0;
	strings_add(&rows->cells, state->name_space);
	strings_add(&rows->cells, name_of(state));
	strings_addf(&rows->cells, "%zu/%zu", state->n_ready, state->n_containers);
	strings_add(&rows->cells,
		    state->ending ? "Terminating" : lxcri_pod_status_name(state->status));
	strings_addf(&rows->cells, "%jd", (intmax_t)state->restarts);
	strings_add(&rows->cells, age);
	strings_add(&rows->cells, lxcri_container_type_name(state->type));
	strings_add(&rows->cells, state->owner ? state->owner : "-");
	return 0;
}

static int read_rows(struct cli *cli, struct rows *rows, struct lxcri_error *err)
{
	const struct object_table *wanted = rows->wanted;
	autofree char *text = NULL;
	autojson array = NULL;

	if (rows->layout == &pod_layout) {
		if (lxcri_pod_list_in(cli->engine, wanted->name_space, add_pod, rows, err) < 0)
			return -1;
		return wanted->name && rows->cells.count == 0
			       ? fail(err, LXCRI_E_OBJECT_NOT_FOUND, "no Pod is called %s",
				      wanted->name)
			       : 0;
	}
	if (lxcri_manifest_get_json(cli->engine, wanted->kind, wanted->name_space, wanted->name,
				    &text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;
	for (size_t i = 0; i < json_count(array); i++)
		(rows->layout == &service_layout ? add_service
		 : rows->layout == &endpoint_layout
			 ? add_endpoints
			 : add_object)(rows, json_object_array_get_idx(array, i));
	return 0;
}

/* What tells one row from others, and what does not count as a change. */
static bool is_same_row(const struct rows *rows, char **row, char **other)
{
	for (size_t i = 0; i < rows->layout->count; i++)
		if ((int)i != rows->layout->age && strcmp(row[i], other[i]) != 0)
			return false;
	return true;
}

static bool is_known(const struct rows *rows, char **row, const struct strings *before)
{
	for (size_t i = 0; i + rows->layout->count <= before->count; i += rows->layout->count)
		if (is_same_row(rows, row, before->items + i))
			return true;
	return false;
}

static void print_names(const struct rows *rows, char **row)
{
	const char *kind = rows->layout->kind;

	(void)printf("%s/%s\n", kind ? kind : row[0], row[kind ? 1 : 2]);
}

/* Prints the rows that are not in @before; the heading where @with_heading. */
static void print_rows(const struct rows *rows, const struct strings *before, bool with_heading)
{
	const char *const *columns = rows->layout->columns;
	struct print_table table = { .columns = rows->layout->count -
						(is_wide(rows->wanted) ? 0 : rows->layout->wide),
				     .is_borrowed = true };
	const char *output = rows->wanted->output;
	const bool names_alone = output && strcmp(output, "name") == 0;

	for (size_t i = 0; with_heading && !names_alone && i < table.columns; i++)
		strings_add_consume(&table.cells, (char *)columns[i]);
	for (size_t i = 0; i + rows->layout->count <= rows->cells.count; i += rows->layout->count) {
		char **row = rows->cells.items + i;

		if (is_known(rows, row, before))
			continue;
		if (names_alone) {
			print_names(rows, row);
			continue;
		}
		for (size_t k = 0; k < table.columns; k++)
			strings_add_consume(&table.cells, row[k]);
	}
	print_table_finish(&table, stdout);
	(void)fflush(stdout);
}

struct watching {
	struct cli *cli;
	struct rows *rows;
	struct lxcri_error *err;
};

/* Whatever has happened: rows that are another than before are printed. */
static int on_event(void *userdata, const struct lxcri_event *event)
{
	struct watching *watching = userdata;
	struct rows *rows = watching->rows;
	autorun(strings_finish) struct strings before = rows->cells;

	rows->cells = (struct strings){};
	if (read_rows(watching->cli, rows, watching->err) < 0) {
		if (lxcri_code_class(watching->err->code) != LXCRI_CLASS_NOT_FOUND)
			return -1;
		*watching->err = (struct lxcri_error){}; /* it has gone, and may come again */
		return 0;
	}
	print_rows(rows, &before, false);
	return ferror(stdout) ? -1 : 0;
}

static int watch(struct cli *cli, struct rows *rows, struct lxcri_error *err)
{
	struct watching watching = { cli, rows, err };
	const struct lxcri_event_options options = { .since_ns = moment_now(),
						     .follow = true,
						     .output_fd = STDOUT_FILENO };

	return lxcri_events(cli->engine, &options, on_event, &watching, err) < 0 &&
			       err->code != LXCRI_E_NONE
		       ? -1
		       : 0;
}

int object_table_print(struct cli *cli, const struct object_table *wanted, struct lxcri_error *err)
{
	static const struct strings nothing;
	struct rows rows = { .wanted = wanted, .layout = &object_layout };
	enum object_kind kind = OBJECT_CONFIG_MAP;
	int r;

	if (endpoints_are_meant(wanted->kind))
		rows.layout = &endpoint_layout;
	else if (wanted->kind && object_kind_parse(wanted->kind, &kind, err) < 0)
		return -1;
	if (kind == OBJECT_POD)
		rows.layout = &pod_layout;
	if (kind == OBJECT_SERVICE)
		rows.layout = &service_layout;
	r = read_rows(cli, &rows, err);
	if (r == 0) {
		print_rows(&rows, &nothing, true);
		r = wanted->watch ? watch(cli, &rows, err) : 0;
	}
	strings_finish(&rows.cells);
	return r;
}
