/* SPDX-License-Identifier: MIT */
/* apply. */

#include "base/scope.h"
#include "cli/commands.h"
#include "cli/workload/manifests.h"

struct apply_options {
	struct strings files;
	const char *validate;
	bool dry_run;
	bool prune;
	bool wait;
};

static const struct option_entry options_of_apply[] = {
	OPTION(apply_options, files, "filename", 'f', OPTION_LIST, "FILE|DIR|-",
	       "a manifest, a directory of them, or standard input"),
	OPTION(apply_options, validate, "validate", 0, OPTION_TEXT, "strict|warn",
	       "unknown fields are errors (strict), or warnings"),
	OPTION(apply_options, dry_run, "dry-run", 0, OPTION_FLAG, NULL,
	       "check everything, and change nothing"),
	OPTION(apply_options, prune, "prune", 0, OPTION_FLAG, NULL,
	       "remove what was applied to the same namespaces and is not in these files"),
	OPTION(apply_options, wait, "wait", 0, OPTION_FLAG, NULL,
	       "wait for the pods of Deployments and StatefulSets (true); else the service makes "
	       "them"),
	{},
};

static int cmd_apply(struct cli *cli, const void *verb_options, int argc, char **argv,
		     struct lxcri_error *err)
{
	const struct apply_options *options = verb_options;
	autorun(manifests_finish) struct manifests manifests = {};
	struct lxcri_manifest_options wanted = { .dry_run = options->dry_run,
						 .prune = options->prune,
						 .no_wait = !options->wait };
	int warnings = manifests_wants_warnings(options->validate, err);

	if (warnings < 0)
		return -1;
	if (argc > 0 || options->files.count == 0)
		return cli_usage(cli, err, "expected -f FILE");
	wanted.warn_unknown = warnings > 0;
	manifests_print(&wanted);
	if (manifests_read(&options->files, &manifests, err) < 0 || cli_open_engine(cli, err) < 0 ||
	    lxcri_manifest_apply(cli->engine, manifests.items, manifests.count, &wanted, err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

const struct verb verb_apply = {
	.name = "apply",
	.arguments = "-f FILE...",
	.summary = "make true what manifests of Kubernetes say",
	.details = "Kinds: Pod, Deployment, StatefulSet, Service, ConfigMap, Secret,\n"
		   "PersistentVolumeClaim. What fails is undone.",
	.options = options_of_apply,
	.options_size = sizeof(struct apply_options),
	.options_defaults = &(const struct apply_options){ .wait = true },
	.run = cmd_apply,
};
