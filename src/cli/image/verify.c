/* SPDX-License-Identifier: MIT */
/* image verify. */

#include "base/scope.h"
#include "cli/host/findings.h"
#include "cli/image/image_verbs.h"
#include "cli/print.h"

int image_verify(struct cli *cli, struct lxcri_image_manager *images,
		 const struct image_options *options, char **argv, struct lxcri_error *err)
{
	const struct lxcri_image_verify_options verify = { .repair = options->repair };
	struct findings findings = {};
	int is_json = print_wants_json(options->format, err);
	int left;

	if (is_json < 0)
		return fail_while(err, "image verify");
	left = lxcri_image_verify(images, (const char *const *)argv, &verify, findings_add,
				  &findings, err);
	if (left >= 0)
		findings_print(&findings, is_json, stdout);
	findings_finish(&findings);
	return left < 0 ? -1 : left > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
