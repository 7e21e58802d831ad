/* SPDX-License-Identifier: MIT */
/* image df and gc. */

#include "base/scope.h"
#include "cli/host/usages.h"
#include "cli/image/image_verbs.h"

int image_df(struct cli *cli, struct lxcri_image_manager *images,
	     const struct image_options *options, char **argv, struct lxcri_error *err)
{
	struct usages usages = { .every_object = options->verbose, .images_only = true };
	int is_json = print_wants_json(options->format, err);
	int r;

	if (is_json < 0)
		return fail_while(err, "image df");
	if (argv[0])
		return cli_usage(cli, err, "df: expected no argument");
	r = lxcri_image_usage(images, options->verbose ? LXCRI_USAGE_OBJECTS : LXCRI_USAGE_SUMS,
			      usages_add, &usages, err);
	if (r == 0)
		usages_print(&usages, is_json, stdout);
	usages_finish(&usages);
	return r < 0 ? -1 : EXIT_SUCCESS;
}

int image_gc(struct cli *cli, struct lxcri_image_manager *images,
	     const struct image_options *options, char **argv, struct lxcri_error *err)
{
	const struct lxcri_image_gc_options gc = { .all = options->all,
						   .force = options->force,
						   .dry_run = options->dry_run };
	struct lxcri_collected collected = {};
	struct usages usages = { .every_object = true, .dry_run = options->dry_run };
	int is_json = print_wants_json(options->format, err);
	int r;

	if (is_json < 0)
		return fail_while(err, "image gc");
	if (argv[0])
		return cli_usage(cli, err, "gc: expected no argument");
	if (options->templates)
		return image_gc_templates(cli, options, err);
	r = lxcri_image_gc(images, &gc, usages_add, &usages, &collected, err);
	/* What went before a failure did go. */
	usages_print_removed(&usages, &collected, is_json, stdout);
	usages_finish(&usages);
	return r < 0 ? -1 : EXIT_SUCCESS;
}
