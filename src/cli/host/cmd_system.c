/* SPDX-License-Identifier: MIT */
/* system check, df, prune and adopt. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/host/findings.h"
#include "cli/host/usages.h"
#include "cli/subverb.h"
#include "lxcri/system.h"

#include <string.h>

struct system_options {
	const char *format;
	bool repair;
	bool deep;
	bool verbose;
	bool dry_run;
	bool all;
	bool volumes;
	bool force;
};

static const struct option_entry options_of_system[] = {
	OPTION(system_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the output"),
	OPTION(system_options, repair, "repair", 0, OPTION_FLAG, NULL,
	       "check: mend what can be mended without losing data"),
	OPTION(system_options, deep, "deep", 0, OPTION_FLAG, NULL,
	       "check: read every blob and compare it with its digest"),
	OPTION(system_options, verbose, "verbose", 'v', OPTION_FLAG, NULL, "df: every object"),
	OPTION(system_options, dry_run, "dry-run", 0, OPTION_FLAG, NULL,
	       "prune: show what would go"),
	OPTION(system_options, all, "all", 'a', OPTION_FLAG, NULL,
	       "prune: images that no container uses, not only those without a name"),
	OPTION(system_options, volumes, "volumes", 0, OPTION_FLAG, NULL,
	       "prune: volumes that no container uses, those with a name included"),
	OPTION(system_options, force, "force", 0, OPTION_FLAG, NULL, "prune: do not ask"),
	{},
};

static int system_check(struct cli *cli, const struct system_options *options, bool is_json,
			struct lxcri_error *err)
{
	const struct lxcri_check_options check = { .deep = options->deep,
						   .repair = options->repair };
	struct findings findings = {};
	int troubles = lxcri_system_check(cli->engine, &check, findings_add, &findings, err);
	unsigned int faults = findings.count[LXCRI_HEALTH_FAULT];

	if (troubles >= 0)
		findings_print(&findings, is_json, stdout);
	findings_finish(&findings);
	return troubles < 0 ? -1 : faults > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int system_df(struct cli *cli, const struct system_options *options, bool is_json,
		     struct lxcri_error *err)
{
	struct usages usages = { .every_object = options->verbose };
	int r = lxcri_system_usage(cli->engine, usages_add, &usages, err);

	if (r == 0)
		usages_print(&usages, is_json, stdout);
	usages_finish(&usages);
	return r < 0 ? -1 : EXIT_SUCCESS;
}

/* Asks on the terminal. Returns 1 for yes, 0 for no. */
static int ask(const struct system_options *options, struct lxcri_error *err)
{
	char answer[16] = "";

	if (options->force || options->dry_run)
		return 1;
	if (!isatty(STDIN_FILENO))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "system prune: there is no terminal to ask on; give --force, or "
			    "--dry-run to see what would go");
	(void)fprintf(stderr,
		      "This removes all stopped containers that were made from an image, with what "
		      "they have written,\nall images %s, all layers that nothing uses%s.\n"
		      "Go on? [y/N] ",
		      options->all ? "that no container uses"
				   : "without a name that no container "
				     "uses",
		      options->volumes ? ", and all volumes that no container uses" : "");
	if (!fgets(answer, sizeof(answer), stdin))
		return 0;
	return answer[0] == 'y' || answer[0] == 'Y';
}

static int system_prune(struct cli *cli, const struct system_options *options, bool is_json,
			struct lxcri_error *err)
{
	const struct lxcri_prune_options prune = { .all = options->all,
						   .volumes = options->volumes,
						   .dry_run = options->dry_run };
	struct usages usages = { .every_object = true, .dry_run = options->dry_run };
	int yes = ask(options, err);

	if (yes <= 0)
		return yes < 0 ? -1 : EXIT_FAILURE;

	struct lxcri_collected collected = {};
	int r = lxcri_system_prune(cli->engine, &prune, usages_add, &usages, &collected, err);

	/* What went before a failure did go. */
	usages_print_removed(&usages, &collected, is_json, stdout);
	usages_finish(&usages);
	return r < 0 ? -1 : EXIT_SUCCESS;
}

static void show_adopted(void *userdata, const char *id, const char *node, unsigned int vmid,
			 const struct lxcri_error *problem)
{
	int *failures = userdata;

	if (!problem) {
		(void)printf("%s\tCT %u on node %s\n", id, vmid, node);
		return;
	}
	(*failures)++;
	(void)fprintf(stderr, "proxmox-lxcri: CT %u on node %s: %s\n", vmid, node, problem->text);
}

static int system_adopt(struct cli *cli, const struct system_options *options, bool is_json,
			struct lxcri_error *err)
{
	int failures = 0;

	(void)options;
	if (is_json)
		return cli_usage(cli, err, "adopt: there is no form of its output but one");
	if (lxcri_system_adopt(cli->engine, show_adopted, &failures, err) < 0)
		return -1;
	return failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const struct system_verb {
	struct subverb called;
	int (*run)(struct cli *cli, const struct system_options *options, bool is_json,
		   struct lxcri_error *err);
} system_verbs[] = {
	{ { "check", NULL }, system_check },
	{ { "df", NULL }, system_df },
	{ { "prune", NULL }, system_prune },
	{ { "adopt", NULL }, system_adopt },
};

/* Refuses an option that another of the three has: who mistakes "df --force" means something. */
static int check_options(const struct cli *cli, const struct system_options *options,
			 const char *name, struct lxcri_error *err)
{
	const struct {
		bool given;
		const char *option, *verb;
	} owned[] = {
		{ options->repair, "--repair", "check" },
		{ options->deep, "--deep", "check" },
		{ options->verbose, "--verbose", "df" },
		{ options->dry_run, "--dry-run", "prune" },
		{ options->all, "--all", "prune" },
		{ options->volumes, "--volumes", "prune" },
		{ options->force, "--force", "prune" },
	};

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		if (owned[i].given && strcmp(owned[i].verb, name) != 0)
			return cli_usage(cli, err, "%s belongs to %s, not to %s", owned[i].option,
					 owned[i].verb, name);
	return 0;
}

static int cmd_system(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	const struct system_options *options = verb_options;
	int is_json = print_wants_json(options->format, err);
	int found;

	if (is_json < 0)
		return fail_while(err, "system");
	if (argc == 0)
		return cli_usage(cli, err, "expected check, df, prune or adopt");
	found = subverb_find(cli, argv[0], &system_verbs[0].called, ARRAY_LEN(system_verbs),
			     sizeof(system_verbs[0]), err);
	if (found < 0)
		return -1;
	if (argc > 1)
		return cli_usage(cli, err, "%s: expected no argument", argv[0]);
	if (check_options(cli, options, argv[0], err) < 0 || cli_open_engine(cli, err) < 0)
		return -1;
	return system_verbs[found].run(cli, options, is_json == 1, err);
}

const struct verb verb_system = {
	.name = "system",
	.arguments = "check | df | prune | adopt",
	.summary = "verify what is kept, show what it takes, remove what nothing uses",
	.details =
		"check exits with 1 when a fault is left. prune asks on a terminal unless --force "
		"is given.\nadopt takes over the containers of Proxmox VE that bear our tags and "
		"are "
		"in no record.",
	.options = options_of_system,
	.options_size = sizeof(struct system_options),
	.run = cmd_system,
};
