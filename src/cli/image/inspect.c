/* SPDX-License-Identifier: MIT */
/* image inspect. */

#include "base/scope.h"
#include "cli/image/image_verbs.h"
#include "cli/selection.h"

int image_inspect(struct cli *cli, struct lxcri_image_manager *images,
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
