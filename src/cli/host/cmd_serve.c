/* SPDX-License-Identifier: MIT */
/* serve: becomes the executable that does it, which has libraries that other verbs are spared. */

#include "base/scope.h"
#include "cli/commands.h"
#include "os/helper.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct serve_options {
	bool on_demand;
};

static const struct option_entry options_of_serve[] = {
	OPTION(serve_options, on_demand, "on-demand", 0, OPTION_FLAG, NULL,
	       "end when nothing needs it"),
	{},
};

static int cmd_serve(struct cli *cli, const void *verb_options, int argc, char **argv,
		     struct lxcri_error *err)
{
	const struct serve_options *options = verb_options;
	autofree char *path = helper_path("lxcri-serve");
	const char *words[16] = { path };
	size_t n = 1;

	if (argc > 0)
		return cli_usage(cli, err, "expected no argument");
	/* What is wrong with it is told here. */
	if (cli_load_config(cli, err) < 0)
		return -1;
	if (cli->globals.config_path) {
		words[n++] = "--config";
		words[n++] = cli->globals.config_path;
	}
	words[n++] = "--root";
	words[n++] = lxcri_config_root_path(cli->config);
	words[n++] = "--data";
	words[n++] = lxcri_config_data_path(cli->config);
	if (cli->globals.debug)
		words[n++] = "--debug";
	if (options->on_demand)
		words[n++] = "--on-demand";
	(void)execv(path, (char *const *)words);
	return fail_errno(err, errno, "execute %s", path);
}

const struct verb verb_serve = {
	.name = "serve",
	.arguments = "",
	.summary = "start containers again, check their health, answer for their names",
	.details =
		"Runs in the foreground. What needs it starts it where it does not run; running\n"
		"containers never depend on it.",
	.options = options_of_serve,
	.options_size = sizeof(struct serve_options),
	.run = cmd_serve,
};
