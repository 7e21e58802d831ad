/* SPDX-License-Identifier: MIT */
/* help and version, from the tables of verbs and options. */

#include "cli/help.h"

#include "base/text.h"
#include "cli/complete.h"

#define OPTION_COLUMN 30

static void print_option(const struct option_entry *entry, FILE *out)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", entry->letter ? '-' : ' ',
		       entry->letter ? entry->letter : ' ', entry->letter ? "," : " ", entry->name,
		       entry->value ? " " : "", entry->value ? entry->value : "");
	(void)fprintf(out, "%-*s  %s\n", OPTION_COLUMN, left, entry->help);
}

static void print_options(const struct option_entry *entries, enum option_form form,
			  const char *title, FILE *out)
{
	bool titled = false;

	for (; entries && entries->name; entries++) {
		if (entries->form != form)
			continue;
		if (!titled)
			(void)fprintf(out, "\n%s:\n", title);
		titled = true;
		print_option(entries, out);
	}
}

void help_overview(FILE *out)
{
	(void)fputs("usage: proxmox-lxcri [OPTIONS] VERB ...\n\n"
		    "Runs OCI images and bundles on LXC, crun and runc.\n\nverbs:\n",
		    out);
	for (const struct verb *const *verb = verbs; *verb; verb++)
		if (!(*verb)->hidden)
			(void)fprintf(out, "  %-12s%s\n", (*verb)->name, (*verb)->summary);
	print_options(cli_global_options, OPTION_ANY_FORM, "options before the verb", out);
	(void)fputs("\nproxmox-lxcri help VERB tells more; see also proxmox-lxcri(1).\n", out);
}

void help_verb(const struct verb *verb, FILE *out)
{
	(void)fprintf(out, "usage: proxmox-lxcri %s%s%s%s\n\n%s.\n", verb->name,
		      verb->options ? " [OPTIONS]" : "", *verb->arguments ? " " : "",
		      verb->arguments, verb->summary);
	if (verb->details)
		(void)fprintf(out, "\n%s\n", verb->details);
	if (verb->alias)
		(void)fprintf(out, "\nalso called: %s\n", verb->alias);
	print_options(verb->options, OPTION_ANY_FORM, "options", out);
	print_options(verb->options, OPTION_IMAGE_FORM, "options with an image", out);
	print_options(verb->options, OPTION_BUNDLE_FORM, "options with a bundle", out);
	(void)fputs("\nEvery verb takes --runtime TYPE and --help.\n", out);
}

void help_version(FILE *out)
{
	/* The form that callers of runc and crun look for. */
	(void)fprintf(out, "proxmox-lxcri version %s\nspec: 1.2.1\n", LXCRI_VERSION);
}

static int cmd_help(struct cli *cli, const void *options, int argc, char **argv,
		    struct lxcri_error *err)
{
	if (argc == 0) {
		help_overview(stdout);
		return EXIT_SUCCESS;
	}
	if (argc > 1)
		return cli_usage(cli, err, "expected one verb");

	const struct verb *verb = cli_find_verb(argv[0], err);

	if (!verb)
		return -1;
	help_verb(verb, stdout);
	return EXIT_SUCCESS;
}

static int cmd_version(struct cli *cli, const void *options, int argc, char **argv,
		       struct lxcri_error *err)
{
	if (argc > 0)
		return cli_usage(cli, err, "expected no argument");
	help_version(stdout);
	return EXIT_SUCCESS;
}

static int cmd_completion(struct cli *cli, const void *options, int argc, char **argv,
			  struct lxcri_error *err)
{
	if (argc != 1)
		return cli_usage(cli, err, "expected the name of a shell: bash, zsh or fish");
	return complete_print_script(argv[0], err) < 0 ? -1 : EXIT_SUCCESS;
}

const struct verb verb_help = {
	.name = "help",
	.arguments = "[VERB]",
	.summary = "tell what the verbs do",
	.run = cmd_help,
};

const struct verb verb_version = {
	.name = "version",
	.arguments = "",
	.summary = "print the version",
	.run = cmd_version,
};

const struct verb verb_completion = {
	.name = "completion",
	.arguments = "bash|zsh|fish",
	.summary = "print a completion script",
	.run = cmd_completion,
};
