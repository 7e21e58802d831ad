/* SPDX-License-Identifier: MIT */
/* kill. */

#include "base/scope.h"
#include "cli/commands.h"
#include "os/signal.h"

#include <signal.h>

struct kill_options {
	int signal; /* 0: not given */
	bool all;
};

static const struct option_entry options_of_kill[] = {
	OPTION(kill_options, signal, "signal", 's', OPTION_SIGNAL, "SIGNAL",
	       "the same as the second argument"),
	OPTION(kill_options, all, "all", 'a', OPTION_FLAG, NULL,
	       "send it to every process of the container"),
	{},
};

static int cmd_kill(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct kill_options *options = verb_options;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	int number = options->signal > 0 ? options->signal : SIGTERM;

	if (argc < 1 || argc > 2 || (argc == 2 && options->signal > 0))
		return cli_usage(cli, err, "expected the id of a container and a signal");
	if (argc == 2)
		number = signal_parse(argv[1]);
	if (number < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "kill %s: \"%s\" is not a signal's name or a number from 1 to 64",
			    argv[0], argv[1]);
	if (cli_open_container(cli, argv[0], &container, err) < 0 ||
	    lxcri_container_kill(container, number, options->all, err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

const struct verb verb_kill = {
	.name = "kill",
	.arguments = "ID [SIGNAL]",
	.summary = "send a signal, SIGTERM unless another is named",
	.options = options_of_kill,
	.options_size = sizeof(struct kill_options),
	.run = cmd_kill,
};
