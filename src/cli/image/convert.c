/* SPDX-License-Identifier: MIT */
/* image convert. */

#include "cli/image/image_verbs.h"

int image_convert_options(const struct image_options *options, struct lxcri_convert_options *ret,
			  struct lxcri_error *err)
{
	*ret = (struct lxcri_convert_options){
		.size_bytes = options->size,
		.file_system = options->fs,
		.compression = options->compression,
		.dataset = options->dataset,
	};
	return options->format ? lxcri_image_format_parse(options->format, &ret->format, err) : 0;
}

int image_convert(struct cli *cli, struct lxcri_image_manager *images,
		  const struct image_options *options, char **argv, struct lxcri_error *err)
{
	struct lxcri_convert_options convert;

	if (!argv[0] || !argv[1] || argv[2])
		return cli_usage(cli, err, "convert: expected SOURCE TARGET");
	if (image_convert_options(options, &convert, err) < 0)
		return fail_while(err, "convert");
	return lxcri_image_convert(images, argv[0], argv[1], &convert, err) < 0 ? -1 : EXIT_SUCCESS;
}
