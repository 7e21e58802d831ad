/* SPDX-License-Identifier: MIT */
/* image import. */

#include "base/scope.h"
#include "cli/image/image_verbs.h"

int image_import(struct cli *cli, struct lxcri_image_manager *images,
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
