/* SPDX-License-Identifier: MIT */
/* What update --check tells. */

#include "cli/container/outdated.h"

#include "base/mem.h"
#include "base/scope.h"
#include "cli/print.h"
#include "lxcri/update.h"

#define EXIT_OUTDATED 100 /* as package managers have it */
#define DIGEST_SHOWN  19

struct report {
	struct cli *cli;
	struct json_object *array;
	struct print_table table;
	unsigned int unknown;
};

static struct json_object *object_of(const struct lxcri_update_check *check)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, "id", check->id);
	json_set_text(object, "image", check->image);
	json_set_text(object, "digest", check->digest);
	json_set_text(object, "available", check->available);
	json_object_object_add(object, "outdated", json_object_new_boolean(check->outdated));
	if (check->error)
		json_set_text(object, "error", check->error->text);
	return object;
}

static void add(void *userdata, const struct lxcri_update_check *check)
{
	struct report *report = userdata;
	struct strings *cells = &report->table.cells;

	json_object_array_add(report->array, object_of(check));
	strings_add(cells, check->id);
	strings_add(cells, check->image);
	strings_addf(cells, "%.*s", DIGEST_SHOWN, check->digest);
	strings_addf(cells, "%.*s", DIGEST_SHOWN, check->available ? check->available : "-");
	strings_add(cells, check->error ? "unknown" : check->outdated ? "outdated" : "current");
	if (!check->error)
		return;
	report->unknown++;
	cli_report(report->cli, check->error);
}

int outdated_print(struct cli *cli, char **ids, const char *format, struct lxcri_error *err)
{
	static const char *const heading[] = { "ID", "IMAGE", "DIGEST", "AVAILABLE", "STATUS" };
	autojson array = json_object_new_array();
	struct report report = { .cli = cli,
				 .array = array,
				 .table = { .columns = ARRAY_LEN(heading) } };
	int is_json = print_wants_json(format, err);
	int outdated;

	if (is_json < 0)
		return fail_while(err, "update --check");
	if (cli_open_engine(cli, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&report.table.cells, heading[i]);
	outdated = lxcri_update_check(cli->engine, ids[0] ? (const char *const *)ids : NULL, add,
				      &report, err);
	if (outdated >= 0 && is_json)
		print_json(array, stdout);
	else if (outdated >= 0)
		print_table_finish(&report.table, stdout);
	strings_finish(&report.table.cells);
	if (outdated < 0)
		return fail_while(err, "update --check");
	return outdated > 0 ? EXIT_OUTDATED : report.unknown > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
