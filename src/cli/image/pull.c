/* SPDX-License-Identifier: MIT */
/* image pull. */

#include "base/scope.h"
#include "cli/image/image_verbs.h"
#include "cli/pull_display.h"

int image_pull(struct cli *cli, struct lxcri_image_manager *images,
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
