/* SPDX-License-Identifier: MIT */
/* layer list, inspect and verify. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/selection.h"
#include "cli/subverb.h"
#include "lxcri/image.h"
#include "lxcri/layer.h"

#include <string.h>

struct layer_options {
	const char *format;
};

static const struct option_entry options_of_layer[] = {
	OPTION(layer_options, format, "format", 'f', OPTION_TEXT, "table|json|FIELD",
	       "form of the list, or of inspect"),
	{},
};

DEFINE_AUTOPTR(lxcri_image_manager)

static struct json_object *object_of(const struct lxcri_layer_info *info)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, "chainId", info->chain_id);
	json_set_text(object, "diffId", info->diff_id);
	json_set_text(object, "parent", info->parent);
	json_set_text(object, "digest", info->digest);
	json_set_text(object, "mediaType", info->media_type);
	json_set_text(object, "path", info->storage_path);
	json_object_object_add(object, "size", json_object_new_uint64(info->size));
	json_object_object_add(object, "contentBytes", json_object_new_uint64(info->content_bytes));
	json_object_object_add(object, "images", json_object_new_int64(info->images));
	json_object_object_add(object, "unpacked", json_object_new_boolean(info->is_unpacked));
	return object;
}

static int collect(void *userdata, const struct lxcri_layer_info *info)
{
	return json_object_array_add(userdata, object_of(info));
}

static void print_layers(struct json_object *layers)
{
	static const char *const heading[] = { "CHAIN ID", "DIGEST", "SIZE", "UNPACKED", "IMAGES" };
	struct print_table table = { .columns = ARRAY_LEN(heading) };

	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&table.cells, heading[i]);
	for (size_t i = 0; i < json_object_array_length(layers); i++) {
		struct json_object *layer = json_object_array_get_idx(layers, i);

		strings_addf(&table.cells, "%.19s", json_get_text(layer, "chainId"));
		strings_addf(&table.cells, "%.19s", json_get_text(layer, "digest"));
		strings_add_consume(&table.cells,
				    print_size((uint64_t)json_get_i64(layer, "size", 0)));
		if (json_object_get_boolean(json_get(layer, "unpacked")))
			strings_add_consume(&table.cells, print_size((uint64_t)json_get_i64(
								  layer, "contentBytes", 0)));
		else
			strings_add(&table.cells, "-");
		strings_addf(&table.cells, "%lld", (long long)json_get_i64(layer, "images", 0));
	}
	print_table_finish(&table, stdout);
}

static int layer_list(struct cli *cli, struct lxcri_image_manager *images,
		      const struct layer_options *options, char **argv, struct lxcri_error *err)
{
	autojson layers = json_object_new_array();
	int is_json = print_wants_json(options->format, err);

	if (argv[0])
		return cli_usage(cli, err, "list: expected no argument");
	if (is_json < 0)
		return fail_while(err, "layer list");
	if (lxcri_layer_list(images, collect, layers, err) < 0)
		return -1;
	if (is_json)
		print_json(layers, stdout);
	else
		print_layers(layers);
	return EXIT_SUCCESS;
}

static int layer_inspect(struct cli *cli, struct lxcri_image_manager *images,
			 const struct layer_options *options, char **argv, struct lxcri_error *err)
{
	struct selection selection = { .format = options->format };
	int code = EXIT_SUCCESS;

	if (!argv[0])
		return cli_usage(cli, err, "inspect: expected the id of a layer");
	for (; *argv; argv++) {
		autojson found = json_object_new_array();
		struct lxcri_error one = {};
		int r = lxcri_layer_find(images, *argv, collect, found, &one);

		if (r == 0)
			r = selection_add(
				&selection,
				json_object_to_json_string(json_object_array_get_idx(found, 0)),
				&one);
		if (r == 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	selection_print(&selection);
	return code;
}

static int verify_one(struct json_object *object, struct lxcri_error *err)
{
	const struct lxcri_layer_metadata metadata = {
		.media_type = json_get_text(object, "mediaType"),
		.digest = json_get_text(object, "digest"),
		.size = (uint64_t)json_get_i64(object, "size", 0),
		.storage_path = json_get_text(object, "path"),
	};
	struct lxcri_layer *layer = NULL;

	if (lxcri_layer_create(&metadata, &layer, err) < 0)
		return -1;

	int r = lxcri_layer_verify(layer, err);

	lxcri_layer_unref(layer);
	if (r < 0)
		return fail_while(err, "layer %s", json_get_text(object, "chainId"));
	return 0;
}

static int layer_verify(struct cli *cli, struct lxcri_image_manager *images,
			const struct layer_options *options, char **argv, struct lxcri_error *err)
{
	autojson layers = json_object_new_array();
	int code = EXIT_SUCCESS;

	if (!argv[0] && lxcri_layer_list(images, collect, layers, err) < 0)
		return -1;
	for (; *argv; argv++)
		if (lxcri_layer_find(images, *argv, collect, layers, err) < 0)
			return -1;
	for (size_t i = 0; i < json_object_array_length(layers); i++) {
		struct json_object *layer = json_object_array_get_idx(layers, i);
		struct lxcri_error one = {};

		if (verify_one(layer, &one) == 0) {
			(void)puts(json_get_text(layer, "chainId"));
			continue;
		}
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
}

static const struct layer_verb {
	struct subverb called;
	int (*run)(struct cli *cli, struct lxcri_image_manager *images,
		   const struct layer_options *options, char **argv, struct lxcri_error *err);
} layer_verbs[] = {
	{ { "list", "ls" }, layer_list },
	{ { "inspect", "show" }, layer_inspect },
	{ { "verify", NULL }, layer_verify },
};

static int cmd_layer(struct cli *cli, const void *verb_options, int argc, char **argv,
		     struct lxcri_error *err)
{
	const struct layer_options *options = verb_options;
	const struct subverb_option format = { options->format, "--format", { "list", "inspect" } };
	autoptr(lxcri_image_manager) images = NULL;
	const struct layer_verb *verb;
	int found;

	if (argc == 0)
		return cli_usage(cli, err, "expected list, inspect or verify");
	found = subverb_find(cli, argv[0], &layer_verbs[0].called, ARRAY_LEN(layer_verbs),
			     sizeof(layer_verbs[0]), err);
	if (found < 0)
		return -1;
	verb = &layer_verbs[found];
	if (subverb_check_options(cli, verb->called.name, &format, 1, err) < 0 ||
	    cli_open_engine(cli, err) < 0 ||
	    lxcri_image_manager_open(cli->engine, NULL, NULL, &images, err) < 0)
		return -1;
	return verb->run(cli, images, options, argv + 1, err);
}

const struct verb verb_layer = {
	.name = "layer",
	.arguments = "list | inspect ID... | verify [ID...]",
	.summary = "list, inspect and verify layers of stored images",
	.options = options_of_layer,
	.options_size = sizeof(struct layer_options),
	.run = cmd_layer,
};
