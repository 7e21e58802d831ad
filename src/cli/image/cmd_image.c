/* SPDX-License-Identifier: MIT */
/* The verbs about images: which there are, and what options they have. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/image/image_verbs.h"
#include "cli/subverb.h"

static const struct option_entry options_of_image[] = {
	OPTION(image_options, format, "format", 'f', OPTION_TEXT,
	       "table|json|raw|ct-template|zfs|FIELD",
	       "table or json of what is listed, or a field of inspect; convert, prepare: raw, "
	       "ct-template or zfs"),
	OPTION(image_options, size, "size", 0, OPTION_BYTES, "BYTES",
	       "convert, prepare: of a raw image, instead of what its files need and a quarter "
	       "more; the most that a dataset may take"),
	OPTION(image_options, fs, "fs", 0, OPTION_TEXT, "ext4", "convert, prepare: of a raw image"),
	OPTION(image_options, compression, "compression", 0, OPTION_TEXT, "zstd|gzip|none",
	       "convert, prepare: of a template or a dataset"),
	OPTION(image_options, dataset, "dataset", 0, OPTION_TEXT, "DATASET",
	       "prepare: where a dataset is made, instead of below that of the zfs driver"),
	OPTION(image_options, input, "input", 'i', OPTION_TEXT, "FILE",
	       "load: the archive, instead of standard input"),
	OPTION(image_options, output, "output", 'o', OPTION_TEXT, "FILE",
	       "save: the archive, instead of standard output"),
	OPTION(image_options, type, "type", 0, OPTION_TEXT, "oci-archive|docker-archive",
	       "save: form of the archive"),
	OPTION(image_options, repair, "repair", 0, OPTION_FLAG, NULL,
	       "verify: put aside what is broken, unpack broken layers again"),
	OPTION(image_options, verbose, "verbose", 'v', OPTION_FLAG, NULL, "df: every object"),
	OPTION(image_options, all, "all", 'a', OPTION_FLAG, NULL,
	       "gc: images that no container uses, not only those without a name; copy: for every "
	       "platform"),
	OPTION(image_options, force, "force", 0, OPTION_FLAG, NULL,
	       "gc: also what was used a short while ago; never what is in use"),
	OPTION(image_options, dry_run, "dry-run", 0, OPTION_FLAG, NULL, "gc: show what would go"),
	OPTION(image_options, templates, "templates", 0, OPTION_FLAG, NULL,
	       "list: templates in a cluster of Proxmox VE instead; gc: those that no container of "
	       "ours has"),
	OPTION(image_options, quiet, "quiet", 'q', OPTION_FLAG, NULL,
	       "list: only the names; pull, push: only the digest; copy: nothing"),
	{},
};

DEFINE_AUTOPTR(lxcri_image_manager)

static const struct image_verb {
	struct subverb called;
	image_verb_fn *run;
} image_verbs[] = {
	{ { "pull", NULL }, image_pull },
	{ { "push", NULL }, image_push },
	{ { "import", NULL }, image_import },
	{ { "list", "ls" }, image_list },
	{ { "inspect", "show" }, image_inspect },
	{ { "history", NULL }, image_history },
	{ { "tag", NULL }, image_tag },
	{ { "untag", NULL }, image_untag },
	{ { "remove", "rm" }, image_remove },
	{ { "save", NULL }, image_save },
	{ { "load", NULL }, image_load },
	{ { "copy", "cp" }, image_copy },
	{ { "convert", NULL }, image_convert },
	{ { "prepare", NULL }, image_prepare },
	{ { "prepared", NULL }, image_prepared },
	{ { "release", NULL }, image_release },
	{ { "templates", NULL }, image_templates },
	{ { "verify", NULL }, image_verify },
	{ { "df", NULL }, image_df },
	{ { "gc", NULL }, image_gc },
};

int image_each(struct cli *cli, struct lxcri_image_manager *images, char **names,
	       int (*act)(struct lxcri_image_manager *images, const char *name,
			  struct lxcri_error *err))
{
	int code = EXIT_SUCCESS;

	for (; *names; names++) {
		struct lxcri_error one = {};

		if (act(images, *names, &one) >= 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
}

/* Which verbs have an option that not all have: who mistakes "tag --quiet" means something. */
static int check_options(const struct cli *cli, const struct image_options *options,
			 const char *name, struct lxcri_error *err)
{
	const struct subverb_option owned[] = {
		{ options->format,
		  "--format",
		  { "list", "inspect", "history", "load", "verify", "df", "gc", "convert",
		    "prepare", "prepared", "templates" } },
		{ options->size, "--size", { "convert", "prepare" } },
		{ options->fs, "--fs", { "convert", "prepare" } },
		{ options->compression, "--compression", { "convert", "prepare" } },
		{ options->dataset, "--dataset", { "prepare" } },
		{ options->input, "--input", { "load" } },
		{ options->output, "--output", { "save" } },
		{ options->type, "--type", { "save" } },
		{ options->repair, "--repair", { "verify" } },
		{ options->verbose, "--verbose", { "df" } },
		{ options->all, "--all", { "gc", "copy" } },
		{ options->force, "--force", { "gc" } },
		{ options->dry_run, "--dry-run", { "gc" } },
		{ options->templates, "--templates", { "gc", "list" } },
		{ options->quiet, "--quiet", { "pull", "push", "copy", "list" } },
	};

	return subverb_check_options(cli, name, owned, ARRAY_LEN(owned), err);
}

static int cmd_image(struct cli *cli, const void *options, int argc, char **argv,
		     struct lxcri_error *err)
{
	autoptr(lxcri_image_manager) images = NULL;
	int found;

	if (argc == 0)
		return cli_usage(cli, err, "expected a verb, as in image list");
	found = subverb_find(cli, argv[0], &image_verbs[0].called, ARRAY_LEN(image_verbs),
			     sizeof(image_verbs[0]), err);
	if (found < 0)
		return -1;

	const struct image_verb *verb = &image_verbs[found];

	if (check_options(cli, options, verb->called.name, err) < 0 ||
	    cli_open_engine(cli, err) < 0 ||
	    lxcri_image_manager_open(cli->engine, NULL, NULL, &images, err) < 0)
		return -1;
	return verb->run(cli, images, options, argv + 1, err);
}

const struct verb verb_image = {
	.name = "image",
	.arguments =
		"pull NAME | push NAME [DEST] | import SOURCE [NAME] | list | inspect NAME... | "
		"history NAME | "
		"tag NAME NEW-NAME... | untag NAME... | remove NAME... | save NAME... | load | "
		"copy SOURCE DEST | convert SOURCE TARGET | "
		"prepare SOURCE | prepared | release PREPARED... | verify [NAME...] | df | gc | "
		"templates",
	.summary = "fetch, keep, name, carry, verify and remove images",
	.options = options_of_image,
	.options_size = sizeof(struct image_options),
	.run = cmd_image,
};
