/* SPDX-License-Identifier: MIT */
/* image remove. */

#include "cli/image/image_verbs.h"

int image_remove(struct cli *cli, struct lxcri_image_manager *images,
		 const struct image_options *options, char **argv, struct lxcri_error *err)
{
	if (!argv[0])
		return cli_usage(cli, err, "remove: expected the name of an image");
	return image_each(cli, images, argv, lxcri_image_remove);
}
