/* SPDX-License-Identifier: MIT */
/* image prepare, prepared and release. */

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "cli/image/image_verbs.h"
#include "cli/print.h"

int image_prepare(struct cli *cli, struct lxcri_image_manager *images,
		  const struct image_options *options, char **argv, struct lxcri_error *err)
{
	/* Whoever gets the path is another process. */
	struct lxcri_prepare_options prepare = { .hold = LXCRI_HOLD_KEPT };
	autofree char *path = NULL;

	if (!argv[0] || argv[1])
		return cli_usage(cli, err, "prepare: expected SOURCE");
	if (image_convert_options(options, &prepare.convert, err) < 0)
		return fail_while(err, "prepare");
	if (lxcri_image_prepare(images, argv[0], &prepare, &path, err) < 0)
		return -1;
	(void)puts(path);
	return EXIT_SUCCESS;
}

int image_release(struct cli *cli, struct lxcri_image_manager *images,
		  const struct image_options *options, char **argv, struct lxcri_error *err)
{
	if (!argv[0])
		return cli_usage(cli, err, "release: expected what image prepare printed");
	return image_each(cli, images, argv, lxcri_image_release);
}

struct prepared {
	struct print_table table;
	struct json_object *array;
	int64_t now_ns;
};

static struct json_object *object_of(const struct lxcri_prepared_info *info)
{
	struct json_object *object = json_object_new_object();
	char used[MOMENT_BYTES];

	(void)moment_format(info->used_ns, used);
	json_set_text(object, "name", info->name);
	json_set_text(object, "format", info->format);
	json_set_text(object, "digest", info->digest);
	json_object_object_add(object, "bytes", json_object_new_uint64(info->bytes));
	json_object_object_add(object, "references", json_object_new_int64(info->references));
	json_set_text(object, "used", used);
	return object;
}

static int add_prepared(void *userdata, const struct lxcri_prepared_info *info)
{
	struct prepared *prepared = userdata;
	struct strings *cells = &prepared->table.cells;
	autofree char *age = print_duration(prepared->now_ns - info->used_ns);

	(void)json_object_array_add(prepared->array, object_of(info));
	strings_add(cells, info->name);
	strings_add(cells, info->format);
	strings_add_consume(cells, print_size(info->bytes));
	strings_addf(cells, "%u", info->references);
	strings_addf(cells, "%s ago", age);
	return 0;
}

int image_prepared(struct cli *cli, struct lxcri_image_manager *images,
		   const struct image_options *options, char **argv, struct lxcri_error *err)
{
	static const char *const heading[] = { "NAME", "FORMAT", "SIZE", "REFERENCES", "USED" };
	autojson array = json_object_new_array();
	struct prepared prepared = { .array = array, .now_ns = moment_now() };
	int is_json = print_wants_json(options->format, err);

	if (is_json < 0)
		return fail_while(err, "image prepared");
	if (argv[0])
		return cli_usage(cli, err, "prepared: expected no argument");
	prepared.table.columns = ARRAY_LEN(heading);
	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&prepared.table.cells, heading[i]);

	int r = lxcri_prepared_list(images, add_prepared, &prepared, err);

	if (r == 0 && is_json)
		print_json(array, stdout);
	else if (r == 0)
		print_table_finish(&prepared.table, stdout);
	strings_finish(&prepared.table.cells);
	return r < 0 ? -1 : EXIT_SUCCESS;
}
