/* SPDX-License-Identifier: MIT */
/* image tag and untag. */

#include "cli/image/image_verbs.h"

int image_tag(struct cli *cli, struct lxcri_image_manager *images,
	      const struct image_options *options, char **argv, struct lxcri_error *err)
{
	if (!argv[0] || !argv[1])
		return cli_usage(cli, err, "tag: expected NAME NEW-NAME...");
	for (char **name = argv + 1; *name; name++)
		if (lxcri_image_tag(images, argv[0], *name, err) < 0)
			return -1;
	return EXIT_SUCCESS;
}

int image_untag(struct cli *cli, struct lxcri_image_manager *images,
		const struct image_options *options, char **argv, struct lxcri_error *err)
{
	if (!argv[0])
		return cli_usage(cli, err, "untag: expected the name of an image");
	return image_each(cli, images, argv, lxcri_image_untag);
}
