/* SPDX-License-Identifier: MIT */
/* image list. */

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "cli/image/image_verbs.h"
#include "cli/print.h"

struct image_listing {
	const struct image_options *options;
	struct print_table table;
	struct json_object *array; /* NULL for a table */
	int64_t now_ns;
};

static struct json_object *object_of(const struct lxcri_image_info *info)
{
	struct json_object *object = json_object_new_object();
	char created[MOMENT_BYTES];

	json_set_text(object, "name", info->name);
	json_set_text(object, "digest", info->digest);
	json_object_object_add(object, "size", json_object_new_uint64(info->size_bytes));
	json_object_object_add(object, "layers", json_object_new_int64(info->layers));
	if (info->created_ns > 0) {
		(void)moment_format(info->created_ns, created);
		json_set_text(object, "created", created);
	}
	return object;
}

static char *age_of(const struct image_listing *listing, int64_t created_ns)
{
	autofree char *age = print_duration(listing->now_ns - created_ns);

	return created_ns > 0 ? xformat("%s ago", age) : xstrdup("-");
}

static int list_image(void *userdata, const struct lxcri_image_info *info)
{
	struct image_listing *listing = userdata;
	struct strings *cells = &listing->table.cells;

	if (listing->options->quiet) {
		(void)puts(info->name);
		return 0;
	}
	if (listing->array) {
		(void)json_object_array_add(listing->array, object_of(info));
		return 0;
	}
	strings_add(cells, info->name);
	strings_addf(cells, "%.19s", info->digest);
	strings_addf(cells, "%u", info->layers);
	strings_add_consume(cells, print_size(info->size_bytes));
	strings_add_consume(cells, age_of(listing, info->created_ns));
	return 0;
}

int image_list(struct cli *cli, struct lxcri_image_manager *images,
	       const struct image_options *options, char **argv, struct lxcri_error *err)
{
	static const char *const heading[] = { "NAME", "DIGEST", "LAYERS", "SIZE", "CREATED" };
	int is_json = print_wants_json(options->format, err);
	autojson array = is_json == 1 ? json_object_new_array() : NULL;
	struct image_listing listing = { .options = options, .array = array };

	if (argv[0])
		return cli_usage(cli, err, "list: expected no argument");
	if (options->templates)
		return image_templates(cli, images, options, argv, err);
	if (is_json < 0)
		return fail_while(err, "image list");
	listing.now_ns = moment_now();
	listing.table.columns = ARRAY_LEN(heading);
	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&listing.table.cells, heading[i]);

	int r = lxcri_image_list(images, list_image, &listing, err);

	if (r == 0 && !options->quiet && is_json)
		print_json(array, stdout);
	else if (r == 0 && !options->quiet)
		print_table_finish(&listing.table, stdout);
	strings_finish(&listing.table.cells);
	return r < 0 ? -1 : EXIT_SUCCESS;
}
