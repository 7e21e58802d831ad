/* SPDX-License-Identifier: MIT */
/* image remove. */

#include "cli/image/image_verbs.h"

int image_remove(struct cli *cli, struct lxcri_image_manager *images,
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
