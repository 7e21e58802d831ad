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
#include "lxcri/event.h"
#include "lxcri/workload/manifest.h"
#include "manifest/object.h"

#include <string.h>
#include <unistd.h>

static const char *const object_columns[] = { "KIND",  "NAMESPACE", "NAME",
					      "READY", "REVISION",  "PODS" };
static const char *const pod_columns[] = { "NAMESPACE", "NAME", "READY",   "STATUS",
					   "RESTARTS",  "AGE",  "RUNTIME", "OWNER" };

/* Rows of cells, of which the last ones are left out where it is not wide. */
struct rows {
	const struct object_table *wanted;
	struct strings cells;
	size_t columns;
	bool is_of_pods;
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

	if ((wanted->name_space && strcmp(wanted->name_space, state->name_space) != 0) ||
	    (wanted->name && strcmp(wanted->name, name_of(state)) != 0))
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

	if (rows->is_of_pods) {
		if (lxcri_pod_list(cli->engine, add_pod, rows, err) < 0)
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
		add_object(rows, json_object_array_get_idx(array, i));
	return 0;
}

/* What tells one row from others, and what does not count as a change. */
static bool is_same_row(const struct rows *rows, char **row, char **other)
{
	for (size_t i = 0; i < rows->columns; i++)
		if (!(rows->is_of_pods && i == 5) && strcmp(row[i], other[i]) != 0)
			return false;
	return true;
}

static bool is_known(const struct rows *rows, char **row, const struct strings *before)
{
	for (size_t i = 0; i + rows->columns <= before->count; i += rows->columns)
		if (is_same_row(rows, row, before->items + i))
			return true;
	return false;
}

static void print_names(const struct rows *rows, char **row)
{
	(void)printf("%s/%s\n", rows->is_of_pods ? "Pod" : row[0], row[rows->is_of_pods ? 1 : 2]);
}

/* Prints the rows that are not in @before; the heading where @with_heading. */
static void print_rows(const struct rows *rows, const struct strings *before, bool with_heading)
{
	const char *const *columns = rows->is_of_pods ? pod_columns : object_columns;
	struct print_table table = { .columns = rows->columns - (is_wide(rows->wanted) ? 0
								 : rows->is_of_pods    ? 2
										       : 1) };

	for (size_t i = 0; with_heading && i < table.columns; i++)
		strings_add(&table.cells, columns[i]);
	for (size_t i = 0; i + rows->columns <= rows->cells.count; i += rows->columns) {
		char **row = rows->cells.items + i;

		if (is_known(rows, row, before))
			continue;
		if (rows->wanted->output && strcmp(rows->wanted->output, "name") == 0) {
			print_names(rows, row);
			continue;
		}
		for (size_t k = 0; k < table.columns; k++)
			strings_add(&table.cells, row[k]);
	}
	if (rows->wanted->output && strcmp(rows->wanted->output, "name") == 0)
		strings_finish(&table.cells);
	else
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
	struct rows rows = { .wanted = wanted, .columns = ARRAY_LEN(object_columns) };
	enum object_kind kind = OBJECT_CONFIG_MAP;
	int r;

	if (wanted->kind && object_kind_parse(wanted->kind, &kind, err) < 0)
		return -1;
	if (kind == OBJECT_POD) {
		rows.is_of_pods = true;
		rows.columns = ARRAY_LEN(pod_columns);
	}
	r = read_rows(cli, &rows, err);
	if (r == 0) {
		print_rows(&rows, &nothing, true);
		r = wanted->watch ? watch(cli, &rows, err) : 0;
	}
	strings_finish(&rows.cells);
	return r;
}
