/* SPDX-License-Identifier: MIT */
/* doctor: is this host fit? */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/host/findings.h"
#include "lxcri/system.h"

struct doctor_options {
	const char *format;
	bool quiet;
};

static const struct option_entry options_of_doctor[] = {
	OPTION(doctor_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the output"),
	OPTION(doctor_options, quiet, "quiet", 'q', OPTION_FLAG, NULL, "only what is not in order"),
	{},
};

static int cmd_doctor(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	const struct doctor_options *options = verb_options;
	int is_json = print_wants_json(options->format, err);

	if (argc > 0)
		return cli_usage(cli, err, "expected no argument");
	if (is_json < 0)
		return fail_while(err, "doctor");
	if (cli_open_engine(cli, err) < 0)
		return -1;

	struct findings findings = { .only_troubles = options->quiet };
	int faults = lxcri_doctor(cli->engine, findings_add, &findings, err);

	if (faults >= 0)
		findings_print(&findings, is_json == 1, stdout);
	findings_finish(&findings);
	return faults < 0 ? -1 : faults > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "check whether this host is fit for containers, and how to mend it",
	.details = "Nothing is changed. The exit code is 1 when there is a fault, 0 otherwise.",
	.options = options_of_doctor,
	.options_size = sizeof(struct doctor_options),
	.run = cmd_doctor,
};
