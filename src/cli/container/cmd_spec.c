/* SPDX-License-Identifier: MIT */
/* spec. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "lxcri/spec.h"

#include <errno.h>
#include <unistd.h>

struct spec_options {
	const char *bundle;
};

static const struct option_entry options_of_spec[] = {
	OPTION(spec_options, bundle, "bundle", 'b', OPTION_TEXT, "DIR",
	       "directory to write to; otherwise the current one"),
	{},
};

DEFINE_AUTOPTR(lxcri_spec)

static int cmd_spec(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct spec_options *options = verb_options;
	const char *bundle = options->bundle ? options->bundle : ".";
	autofree char *path = xformat("%s/config.json", bundle);
	autoptr(lxcri_spec) spec = NULL;

	if (argc > 0)
		return cli_usage(cli, err, "expected no argument");
	if (access(path, F_OK) == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "spec: %s exists already", path);
	spec = lxcri_spec_create();
	if (lxcri_spec_save(spec, bundle, err) < 0)
		return fail_while(err, "spec");
	return EXIT_SUCCESS;
}

const struct verb verb_spec = {
	.name = "spec",
	.arguments = "",
	.summary = "write a config.json to start a bundle from",
	.options = options_of_spec,
	.options_size = sizeof(struct spec_options),
	.run = cmd_spec,
};
