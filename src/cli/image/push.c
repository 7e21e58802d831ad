/* SPDX-License-Identifier: MIT */
/* image push and copy. */

#include "base/scope.h"
#include "base/text.h"
#include "cli/image/image_verbs.h"
#include "cli/pull_display.h"

#include <string.h>

#define DOCKER "docker://"

int image_push(struct cli *cli, struct lxcri_image_manager *images,
	       const struct image_options *options, char **argv, struct lxcri_error *err)
{
	struct pull_display display = {};
	struct lxcri_push_options push = {
		.progress = options->quiet ? NULL : pull_display_show,
		.userdata = &display,
	};
	autofree char *digest = NULL;
	int r;

	if (!argv[0] || (argv[1] && argv[2]))
		return cli_usage(cli, err, "push: expected NAME [docker://REF]");
	if (argv[1] && !text_starts_with(argv[1], DOCKER))
		return cli_usage(cli, err, "push: \"%s\" is no registry's: expected docker://REF",
				 argv[1]);
	if (argv[1])
		push.reference = argv[1] + strlen(DOCKER);
	r = lxcri_image_push(images, argv[0], &push, &digest, err);
	pull_display_finish(&display);
	if (r < 0)
		return -1;
	(void)puts(digest);
	return EXIT_SUCCESS;
}

int image_copy(struct cli *cli, struct lxcri_image_manager *images,
	       const struct image_options *options, char **argv, struct lxcri_error *err)
{
	struct pull_display display = {};
	const struct lxcri_image_copy_options copy = {
		.all_platforms = options->all,
		.progress = options->quiet ? NULL : pull_display_show,
		.userdata = &display,
	};
	int r;

	if (!argv[0] || !argv[1] || argv[2])
		return cli_usage(cli, err, "copy: expected SOURCE DEST");
	r = lxcri_image_copy(images, argv[0], argv[1], &copy, err);
	pull_display_finish(&display);
	return r < 0 ? -1 : EXIT_SUCCESS;
}
