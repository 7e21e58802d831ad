/* SPDX-License-Identifier: MIT */
/* volume create, list, inspect, remove, prune, export and import. */

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/host/usages.h"
#include "cli/print.h"
#include "cli/selection.h"
#include "cli/subverb.h"
#include "lxcri/files.h"
#include "os/storage/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct volume_options {
	const char *format;
	const char *output;
	struct strings labels;
	bool quiet;
	bool all;
	bool dry_run;
	bool force;
};

static const struct option_entry options_of_volume[] = {
	OPTION(volume_options, labels, "label", 'l', OPTION_LIST, "NAME=VALUE", "create: label"),
	OPTION(volume_options, format, "format", 'f', OPTION_TEXT, "table|json|FIELD",
	       "form of the list, of what was removed, or of inspect"),
	OPTION(volume_options, quiet, "quiet", 'q', OPTION_FLAG, NULL, "list: only the names"),
	OPTION(volume_options, output, "output", 'o', OPTION_TEXT, "FILE",
	       "export: the archive, instead of standard output"),
	OPTION(volume_options, all, "all", 'a', OPTION_FLAG, NULL,
	       "prune: those with a name of their own, too"),
	OPTION(volume_options, dry_run, "dry-run", 0, OPTION_FLAG, NULL,
	       "prune: show what would go"),
	OPTION(volume_options, force, "force", 0, OPTION_FLAG, NULL, "prune: do not ask"),
	{},
};

static int volume_create(struct cli *cli, const struct volume_options *options, char **argv,
			 struct lxcri_error *err)
{
	const struct lxcri_volume_options create = {
		.name = argv[0],
		.labels = (const char *const *)options->labels.items,
	};
	autofree char *name = NULL;

	if (argv[0] && argv[1])
		return cli_usage(cli, err, "create: expected one name, or none");
	if (lxcri_volume_create(cli->engine, &create, &name, err) < 0)
		return -1;
	(void)puts(name);
	return EXIT_SUCCESS;
}

struct listing {
	struct lxcri_engine *engine;
	struct json_object *array;
	struct print_table table;
	int64_t now_ns;
	bool quiet;
};

static int add(void *userdata, const struct lxcri_volume_info *info)
{
	struct listing *listing = userdata;
	struct strings *cells = &listing->table.cells;
	autofree char *age = print_duration(listing->now_ns - info->created_ns);
	autofree char *json = NULL;
	autorun(text_finish) struct text users = {};
	struct lxcri_error err = {};

	if (listing->quiet) {
		(void)puts(info->name);
		return 0;
	}
	if (lxcri_volume_inspect_json(listing->engine, info->name, &json, &err) == 0)
		json_object_array_add(listing->array, json_tokener_parse(json));
	for (size_t i = 0; info->users[i]; i++)
		text_addf(&users, "%s%s", i > 0 ? "," : "", info->users[i]);
	strings_add(cells, info->name);
	if (info->created_ns > 0)
		strings_addf(cells, "%s ago", age);
	else
		strings_add(cells, "-");
	strings_add_consume(cells, text_steal(&users));
	return 0;
}

static int volume_list(struct cli *cli, const struct volume_options *options, char **argv,
		       struct lxcri_error *err)
{
	static const char *const heading[] = { "NAME", "CREATED", "USED BY" };
	autojson array = json_object_new_array();
	struct listing listing = { .engine = cli->engine,
				   .array = array,
				   .table = { .columns = ARRAY_LEN(heading) },
				   .now_ns = moment_now(),
				   .quiet = options->quiet };
	int is_json = print_wants_json(options->format, err);
	int r;

	if (is_json < 0)
		return fail_while(err, "volume list");
	if (argv[0])
		return cli_usage(cli, err, "list: expected no argument");
	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&listing.table.cells, heading[i]);
	r = lxcri_volume_list(cli->engine, add, &listing, err);
	if (r == 0 && !options->quiet && is_json)
		print_json(array, stdout);
	else if (r == 0 && !options->quiet)
		print_table_finish(&listing.table, stdout);
	strings_finish(&listing.table.cells);
	return r < 0 ? -1 : EXIT_SUCCESS;
}

static int volume_inspect(struct cli *cli, const struct volume_options *options, char **argv,
			  struct lxcri_error *err)
{
	struct selection selection = { .format = options->format };
	int code = EXIT_SUCCESS;

	if (!argv[0])
		return cli_usage(cli, err, "inspect: expected the name of a volume");
	for (; *argv; argv++) {
		autofree char *json = NULL;
		struct lxcri_error one = {};

		if (lxcri_volume_inspect_json(cli->engine, *argv, &json, &one) == 0 &&
		    selection_add(&selection, json, &one) == 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	selection_print(&selection);
	return code;
}

static int volume_remove(struct cli *cli, const struct volume_options *options, char **argv,
			 struct lxcri_error *err)
{
	int code = EXIT_SUCCESS;

	if (!argv[0])
		return cli_usage(cli, err, "remove: expected the name of a volume");
	for (; *argv; argv++) {
		struct lxcri_error one = {};

		if (lxcri_volume_remove(cli->engine, *argv, &one) == 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
}

/* Asks on the terminal. Returns 1 for yes, 0 for no. */
static int ask(const struct volume_options *options, struct lxcri_error *err)
{
	char answer[16] = "";

	if (options->force || options->dry_run)
		return 1;
	if (!isatty(STDIN_FILENO))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "volume prune: there is no terminal to ask on; give --force, or "
			    "--dry-run to see what would go");
	(void)fprintf(stderr, "This removes all volumes %sthat no container uses.\nGo on? [y/N] ",
		      options->all ? "" : "without a name of their own ");
	if (!fgets(answer, sizeof(answer), stdin))
		return 0;
	return answer[0] == 'y' || answer[0] == 'Y';
}

static int volume_prune(struct cli *cli, const struct volume_options *options, char **argv,
			struct lxcri_error *err)
{
	const struct lxcri_prune_options prune = { .all = options->all,
						   .dry_run = options->dry_run };
	struct usages usages = { .every_object = true, .dry_run = options->dry_run };
	int is_json = print_wants_json(options->format, err);
	struct lxcri_collected collected = {};
	int yes;
	int r;

	if (is_json < 0)
		return fail_while(err, "volume prune");
	if (argv[0])
		return cli_usage(cli, err, "prune: expected no argument");
	yes = ask(options, err);
	if (yes <= 0)
		return yes < 0 ? -1 : EXIT_FAILURE;
	r = lxcri_volume_prune(cli->engine, &prune, usages_add, &usages, &collected, err);
	/* What went before a failure did go. */
	usages_print_removed(&usages, &collected, is_json == 1, stdout);
	usages_finish(&usages);
	return r < 0 ? -1 : EXIT_SUCCESS;
}

static int volume_export(struct cli *cli, const struct volume_options *options, char **argv,
			 struct lxcri_error *err)
{
	autorun(out_file_finish) struct out_file file = OUT_FILE_NULL;

	if (!argv[0] || argv[1])
		return cli_usage(cli, err, "export: expected the name of one volume");
	if (out_file_open(options->output ? options->output : "-", 0600, &file, err) < 0 ||
	    lxcri_volume_export(cli->engine, argv[0], file.fd, err) < 0 ||
	    out_file_commit(&file, err) < 0)
		return fail_while(err, "volume export");
	return EXIT_SUCCESS;
}

static int volume_import(struct cli *cli, const struct volume_options *options, char **argv,
			 struct lxcri_error *err)
{
	const char *path;
	autoclose int file = -1;

	if (!argv[0] || (argv[1] && argv[2]))
		return cli_usage(cli, err, "import: expected the name of a volume, and FILE");
	path = argv[1] && strcmp(argv[1], "-") != 0 ? argv[1] : NULL;
	if (path) {
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			return fail_errno(err, errno, "volume import: open %s", path);
	}
	if (lxcri_volume_import(cli->engine, argv[0], path ? file : STDIN_FILENO, err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

static const struct volume_verb {
	struct subverb called;
	int (*run)(struct cli *cli, const struct volume_options *options, char **argv,
		   struct lxcri_error *err);
} volume_verbs[] = {
	{ { "create", NULL }, volume_create },     { { "list", "ls" }, volume_list },
	{ { "inspect", "show" }, volume_inspect }, { { "remove", "rm" }, volume_remove },
	{ { "prune", NULL }, volume_prune },       { { "export", NULL }, volume_export },
	{ { "import", NULL }, volume_import },
};

/* Refuses an option that another of them has: who mistakes "remove --all" means something. */
static int check_options(const struct cli *cli, const struct volume_options *options,
			 const char *name, struct lxcri_error *err)
{
	const struct subverb_option owned[] = {
		{ options->format, "--format", { "list", "inspect", "prune" } },
		{ options->labels.count > 0, "--label", { "create" } },
		{ options->quiet, "--quiet", { "list" } },
		{ options->output, "--output", { "export" } },
		{ options->all, "--all", { "prune" } },
		{ options->dry_run, "--dry-run", { "prune" } },
		{ options->force, "--force", { "prune" } },
	};

	return subverb_check_options(cli, name, owned, ARRAY_LEN(owned), err);
}

static int cmd_volume(struct cli *cli, const void *options, int argc, char **argv,
		      struct lxcri_error *err)
{
	int found;

	if (argc == 0)
		return cli_usage(cli, err, "expected a verb, as in volume list");
	found = subverb_find(cli, argv[0], &volume_verbs[0].called, ARRAY_LEN(volume_verbs),
			     sizeof(volume_verbs[0]), err);
	if (found < 0)
		return -1;

	const struct volume_verb *verb = &volume_verbs[found];

	if (check_options(cli, options, verb->called.name, err) < 0 ||
	    cli_open_engine(cli, err) < 0)
		return -1;
	return verb->run(cli, options, argv + 1, err);
}

const struct verb verb_volume = {
	.name = "volume",
	.arguments = "create [NAME] | list | inspect NAME... | remove NAME... | prune | "
		     "export NAME | import NAME [FILE]",
	.summary = "make, list, remove and carry volumes",
	.details =
		"prune asks on a terminal unless --force is given. import replaces all that is in "
		"the volume,\nwhose containers must have stopped.",
	.options = options_of_volume,
	.options_size = sizeof(struct volume_options),
	.run = cmd_volume,
};
