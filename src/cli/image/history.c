/* SPDX-License-Identifier: MIT */
/* image history. */

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "cli/image/image_verbs.h"
#include "cli/print.h"

#include <string.h>

/* How much of the command of a step a table shows. */
#define COMMAND_SHOWN 60

struct history {
	struct print_table table;
	struct json_object *array;
	int64_t now_ns;
};

static struct json_object *object_of(const struct lxcri_image_step *step)
{
	struct json_object *object = json_object_new_object();
	char created[MOMENT_BYTES];

	if (step->created_ns > 0) {
		(void)moment_format(step->created_ns, created);
		json_set_text(object, "created", created);
	}
	json_set_text(object, "createdBy", step->created_by);
	json_set_text(object, "author", step->author);
	json_set_text(object, "comment", step->comment);
	json_set_text(object, "digest", step->digest);
	json_object_object_add(object, "size", json_object_new_uint64(step->size_bytes));
	return object;
}

static int add_step(void *userdata, const struct lxcri_image_step *step)
{
	struct history *history = userdata;
	struct strings *cells = &history->table.cells;
	autofree char *age = print_duration(history->now_ns - step->created_ns);
	const char *command = step->created_by ? step->created_by : "-";

	(void)json_object_array_add(history->array, object_of(step));
	if (step->created_ns > 0)
		strings_addf(cells, "%s ago", age);
	else
		strings_add(cells, "-");
	strings_addf(cells, "%.*s%s", COMMAND_SHOWN, command,
		     strlen(command) > COMMAND_SHOWN ? "..." : "");
	strings_add_consume(cells, print_size(step->size_bytes));
	strings_add(cells, step->comment ? step->comment : "");
	return 0;
}

int image_history(struct cli *cli, struct lxcri_image_manager *images,
		  const struct image_options *options, char **argv, struct lxcri_error *err)
{
	static const char *const heading[] = { "CREATED", "CREATED BY", "SIZE", "COMMENT" };
	autojson array = json_object_new_array();
	struct history history = { .array = array, .now_ns = moment_now() };
	int is_json = print_wants_json(options->format, err);

	if (is_json < 0)
		return fail_while(err, "image history");
	if (!argv[0] || argv[1])
		return cli_usage(cli, err, "history: expected the name of one image");
	history.table.columns = ARRAY_LEN(heading);
	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&history.table.cells, heading[i]);

	int r = lxcri_image_history(images, argv[0], add_step, &history, err);

	if (r == 0 && is_json)
		print_json(array, stdout);
	else if (r == 0)
		print_table_finish(&history.table, stdout);
	strings_finish(&history.table.cells);
	return r < 0 ? -1 : EXIT_SUCCESS;
}
