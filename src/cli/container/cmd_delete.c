/* SPDX-License-Identifier: MIT */
/* delete. */

#include "base/log.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/workload/manifests.h"
#include "lxcri/volume.h"

#include <string.h>

struct delete_options {
	bool force;
	bool volumes;
};

static const struct option_entry options_of_delete[] = {
	OPTION(delete_options, force, "force", 'f', OPTION_FLAG, NULL,
	       "kill a running container first; before FILE: what a manifest names"),
	OPTION(delete_options, volumes, "volumes", 0, OPTION_FLAG, NULL,
	       "what a manifest claims, or a container of Proxmox VE has by name, goes as well"),
	{},
};

static int delete_one(struct cli *cli, const struct delete_options *options, const char *id,
		      struct lxcri_error *err)
{
	const bool force = options->force;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_error damage = {};

	if (cli_open_container(cli, id, &container, err) == 0)
		return options->volumes ? lxcri_container_delete_volumes(container, force, err)
					: lxcri_container_delete(container, force, err);
	if (!force || !cli->engine ||
	    (err->code != LXCRI_E_STORAGE_ERROR && err->code != LXCRI_E_INVALID_JSON))
		return -1;
	damage = *err;
	*err = (struct lxcri_error){};
	if (lxcri_container_discard(cli->engine, id, err) < 0)
		return -1;
	log_warning("%s; it has been removed", damage.text);
	return 0;
}

/* What manifests name; `-f` before them is kubectl's. */
static int delete_manifests(struct cli *cli, const struct delete_options *options, int argc,
			    char **argv, struct lxcri_error *err)
{
	autorun(manifests_finish) struct manifests manifests = {};
	autorun(strings_finish) struct strings files = {};
	/* One that was written for a later program can be removed as well. */
	struct lxcri_manifest_options wanted = { .volumes = options->volumes,
						 .warn_unknown = true };

	for (int i = 0; i < argc; i++) {
		if (!manifests_is_one(argv[i]))
			return cli_usage(cli, err, "%s is no manifest, but another argument is",
					 argv[i]);
		strings_add(&files, argv[i]);
	}
	manifests_print(&wanted);
	if (manifests_read(&files, &manifests, err) < 0 || cli_open_engine(cli, err) < 0 ||
	    lxcri_manifest_delete(cli->engine, manifests.items, manifests.count, &wanted, err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

static int cmd_delete(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	const struct delete_options *options = verb_options;
	int code = EXIT_SUCCESS;

	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container, or -f FILE");
	for (int i = 0; options->force && i < argc; i++)
		if (manifests_is_one(argv[i]))
			return delete_manifests(cli, options, argc, argv, err);
	for (; *argv; argv++) {
		struct lxcri_error one = {};

		if (delete_one(cli, options, *argv, &one) == 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
}

const struct verb verb_delete = {
	.name = "delete",
	.alias = "rm",
	.arguments = "ID... | -f FILE...",
	.summary = "remove stopped containers with all that they own, or what manifests name",
	.options = options_of_delete,
	.options_size = sizeof(struct delete_options),
	.run = cmd_delete,
};
