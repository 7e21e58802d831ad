/* SPDX-License-Identifier: MIT */
/* image pull, import, list, inspect and remove. */

#include "base/mem.h"
#include "base/nearest.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/pull_display.h"
#include "cli/selection.h"
#include "lxcri/image.h"

#include <string.h>
#include <time.h>

struct image_options {
	const char *format;
	bool quiet;
};

static const struct option_entry options_of_image[] = {
	OPTION(image_options, format, "format", 'f', OPTION_TEXT, "table|json|FIELD",
	       "form of the list, or of inspect"),
	OPTION(image_options, quiet, "quiet", 'q', OPTION_FLAG, NULL,
	       "only the names; of pull, only the digest"),
	{},
};

DEFINE_AUTOPTR(lxcri_image_manager)

static int image_import(struct cli *cli, struct lxcri_image_manager *images,
			const struct image_options *options, char **argv, struct lxcri_error *err)
{
	autofree char *digest = NULL;

	if (!argv[0] || (argv[1] && argv[2]))
		return cli_usage(cli, err, "import: expected SOURCE [NAME]");
	if (lxcri_image_import(images, argv[0], argv[1], &digest, err) < 0)
		return -1;
	(void)puts(digest);
	return EXIT_SUCCESS;
}

static int image_pull(struct cli *cli, struct lxcri_image_manager *images,
		      const struct image_options *options, char **argv, struct lxcri_error *err)
{
	struct pull_display display = {};
	const struct lxcri_pull_options pull = {
		.progress = options->quiet ? NULL : pull_display_show,
		.userdata = &display,
	};
	autofree char *digest = NULL;
	int r;

	if (!argv[0] || argv[1])
		return cli_usage(cli, err, "pull: expected the name of an image");
	r = lxcri_image_pull(images, argv[0], &pull, &digest, err);
	pull_display_finish(&display);
	if (r < 0)
		return -1;
	(void)puts(digest);
	return EXIT_SUCCESS;
}

struct image_listing {
	const struct image_options *options;
	struct print_table table;
	struct json_object *array;
	int64_t now_ns;
};

static struct json_object *object_of(const struct lxcri_image_info *info)
{
	struct json_object *object = json_object_new_object();
	char created[PRINT_TIME_MAX];

	json_set_text(object, "name", info->name);
	json_set_text(object, "digest", info->digest);
	json_object_object_add(object, "size", json_object_new_uint64(info->size_bytes));
	json_object_object_add(object, "layers", json_object_new_int64(info->layers));
	if (info->created_ns > 0) {
		print_time(info->created_ns, created);
		json_set_text(object, "created", created);
	}
	return object;
}

static int list_image(void *userdata, const struct lxcri_image_info *info)
{
	struct image_listing *listing = userdata;
	struct strings *cells = &listing->table.cells;
	autofree char *age = print_duration(listing->now_ns - info->created_ns);

	if (listing->options->quiet) {
		(void)puts(info->name);
		return 0;
	}
	(void)json_object_array_add(listing->array, object_of(info));
	strings_add(cells, info->name);
	strings_addf(cells, "%.19s", info->digest);
	strings_addf(cells, "%u", info->layers);
	strings_add_consume(cells, print_size(info->size_bytes));
	if (info->created_ns > 0)
		strings_addf(cells, "%s ago", age);
	else
		strings_add(cells, "-");
	return 0;
}

static int image_list(struct cli *cli, struct lxcri_image_manager *images,
		      const struct image_options *options, char **argv, struct lxcri_error *err)
{
	static const char *const heading[] = { "NAME", "DIGEST", "LAYERS", "SIZE", "CREATED" };
	autojson array = json_object_new_array();
	struct image_listing listing = { .options = options, .array = array };
	int is_json = print_wants_json(options->format, err);
	struct timespec now;

	if (argv[0])
		return cli_usage(cli, err, "list: expected no argument");
	if (is_json < 0)
		return fail_while(err, "image list");
	(void)clock_gettime(CLOCK_REALTIME, &now);
	listing.now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
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

static int image_inspect(struct cli *cli, struct lxcri_image_manager *images,
			 const struct image_options *options, char **argv, struct lxcri_error *err)
{
	struct selection selection = { .format = options->format };
	int code = EXIT_SUCCESS;

	if (!argv[0])
		return cli_usage(cli, err, "inspect: expected the name of an image");
	for (; *argv; argv++) {
		autofree char *json = NULL;
		struct lxcri_error one = {};

		if (lxcri_image_inspect_json(images, *argv, &json, &one) == 0 &&
		    selection_add(&selection, json, &one) == 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	selection_print(&selection);
	return code;
}

static int image_remove(struct cli *cli, struct lxcri_image_manager *images,
			const struct image_options *options, char **argv, struct lxcri_error *err)
{
	int code = EXIT_SUCCESS;

	if (!argv[0])
		return cli_usage(cli, err, "remove: expected the name of an image");
	for (; *argv; argv++) {
		struct lxcri_error one = {};

		if (lxcri_image_remove(images, *argv, &one) >= 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
}

static const struct image_verb {
	const char *name, *alias;
	int (*run)(struct cli *cli, struct lxcri_image_manager *images,
		   const struct image_options *options, char **argv, struct lxcri_error *err);
} image_verbs[] = {
	{ "pull", NULL, image_pull },     { "import", "load", image_import },
	{ "list", "ls", image_list },     { "inspect", "show", image_inspect },
	{ "remove", "rm", image_remove },
};

static int cmd_image(struct cli *cli, const void *options, int argc, char **argv,
		     struct lxcri_error *err)
{
	autoptr(lxcri_image_manager) images = NULL;
	struct nearest nearest;

	if (argc == 0)
		return cli_usage(cli, err, "expected pull, import, list, inspect or remove");
	nearest = nearest_to(argv[0]);
	for (size_t i = 0; i < ARRAY_LEN(image_verbs); i++) {
		const struct image_verb *verb = &image_verbs[i];

		nearest_offer(&nearest, verb->name);
		if (strcmp(argv[0], verb->name) != 0 &&
		    (!verb->alias || strcmp(argv[0], verb->alias) != 0))
			continue;
		if (cli_open_engine(cli, err) < 0 ||
		    lxcri_image_manager_open(cli->engine, NULL, NULL, &images, err) < 0)
			return -1;
		return verb->run(cli, images, options, argv + 1, err);
	}
	if (nearest.best)
		return cli_usage(cli, err, "unknown verb \"%s\"; did you mean %s?", argv[0],
				 nearest.best);
	return cli_usage(cli, err, "unknown verb \"%s\"", argv[0]);
}

const struct verb verb_image = {
	.name = "image",
	.arguments = "pull NAME | import SOURCE [NAME] | list | inspect NAME... | remove NAME...",
	.summary = "pull, import, list, inspect and remove images",
	.options = options_of_image,
	.options_size = sizeof(struct image_options),
	.run = cmd_image,
};
