/* SPDX-License-Identifier: MIT */
/* image save and load. */

#include "base/scope.h"
#include "cli/image/image_verbs.h"
#include "cli/print.h"

#include <string.h>

int image_save(struct cli *cli, struct lxcri_image_manager *images,
	       const struct image_options *options, char **argv, struct lxcri_error *err)
{
	const char *type = options->type ? options->type : "oci-archive";
	bool is_docker = strcmp(type, "docker-archive") == 0;

	if (!argv[0])
		return cli_usage(cli, err, "save: expected the name of an image");
	if (!is_docker && strcmp(type, "oci-archive") != 0)
		return cli_usage(cli, err,
				 "save: --type %s is neither oci-archive nor docker-archive", type);
	if (lxcri_image_save(images, (const char *const *)argv,
			     is_docker ? LXCRI_ARCHIVE_DOCKER : LXCRI_ARCHIVE_OCI,
			     options->output ? options->output : "-", err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

static void add_loaded(void *userdata, const char *name, const char *digest)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, "name", name);
	json_set_text(object, "digest", digest);
	(void)json_object_array_add(userdata, object);
}

int image_load(struct cli *cli, struct lxcri_image_manager *images,
	       const struct image_options *options, char **argv, struct lxcri_error *err)
{
	autojson array = json_object_new_array();
	int is_json = print_wants_json(options->format, err);

	if (is_json < 0)
		return fail_while(err, "image load");
	if (argv[0])
		return cli_usage(cli, err, "load: expected no argument; give --input FILE");
	if (lxcri_image_load(images, options->input ? options->input : "-", add_loaded, array,
			     err) < 0)
		return -1;
	if (is_json)
		print_json(array, stdout);
	for (size_t i = 0; !is_json && i < json_object_array_length(array); i++)
		(void)puts(json_get_text(json_object_array_get_idx(array, i), "name"));
	return EXIT_SUCCESS;
}
