/* SPDX-License-Identifier: MIT */
/* update: other limits, of a running container and for its later starts, another restart policy, or
 * another image. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/request/gate_options.h"
#include "cli/container/outdated.h"
#include "cli/pull_display.h"
#include "cli/request/create_request.h"
#include "cli/request/limit_options.h"
#include "lxcri/limits.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct update_options {
	const char *resources;
	const char *image;
	const char *restart;
	const char *pull;
	const char *format;
	bool check;
	struct gate_options gate;
	struct limit_options limits;
};

/* Reads @path, or standard input for "-"; owned by the caller. */
static int read_resources(const char *path, char **ret, struct lxcri_error *err)
{
	size_t size;
	int r = strcmp(path, "-") == 0
			? file_read_fd(STDIN_FILENO, json_limits_spec.bytes_max, ret, &size)
			: file_read(AT_FDCWD, path, json_limits_spec.bytes_max, ret, &size);

	if (r == 0 && strlen(*ret) != size)
		r = -EINVAL;
	return r < 0 ? fail_code_errno(err, LXCRI_E_INVALID_ARGUMENT, r, "--resources %s", path)
		     : 0;
}

/* What is changed of each container; NULL: nothing. */
struct update {
	const char *restart;
	const char *json; /* limits */
};

/* Returns the restart policy that @container has, owned by the caller; NULL on failure. */
static char *restart_of(struct lxcri_container *container, struct lxcri_error *err)
{
	autofree char *text = NULL;
	autojson object = NULL;

	if (lxcri_container_inspect_json(container, &text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &object, err) < 0)
		return NULL;
	return xstrdup(json_get_text(object, "restart"));
}

/* The policy first, which is easily put back where a limit is refused. */
static int update_both(struct lxcri_container *container, const struct update *update,
		       struct lxcri_error *err)
{
	autofree char *before = restart_of(container, err);
	struct lxcri_error second = {};

	if (!before || lxcri_container_set_restart(container, update->restart, err) < 0)
		return -1;
	if (lxcri_container_update(container, update->json, err) == 0)
		return 0;
	if (lxcri_container_set_restart(container, before, &second) < 0)
		return fail_while(err, "it keeps the restart policy %s, though (%s)",
				  update->restart, second.text);
	return -1;
}

static int update_one(struct lxcri_container *container, const void *options,
		      struct lxcri_error *err)
{
	const struct update *update = options;

	if (update->restart && update->json)
		return update_both(container, update, err);
	return update->restart ? lxcri_container_set_restart(container, update->restart, err)
			       : lxcri_container_update(container, update->json, err);
}

static int update_image(struct lxcri_container *container, const void *options,
			struct lxcri_error *err)
{
	const struct lxcri_image_update_options *update = options;
	struct lxcri_state state;
	int r = lxcri_container_update_image(container, update, err);

	if (r == 0 && lxcri_container_state(container, &state, err) == 0)
		(void)fprintf(stderr, "%s has image %s already\n", state.id, state.image);
	return r < 0 ? -1 : 0;
}

static int update_images(struct cli *cli, const struct update_options *options, char **argv,
			 struct lxcri_error *err)
{
	autorun(pull_display_finish) struct pull_display display = {};
	struct lxcri_image_update_options update = {
		.image = options->image,
		.pull_progress = pull_display_show,
		.pull_userdata = &display,
	};

	if (create_request_pull(options->pull, &update.pull, err) < 0 ||
	    cli_load_config(cli, err) < 0 ||
	    gate_options_fill(cli, &options->gate, &update, err) < 0)
		return fail_while(err, "update");
	return cli_each_container(cli, argv, update_image, &update);
}

static int update_limits(struct cli *cli, const struct update_options *options,
			 struct json_object *resources, char **argv, struct lxcri_error *err)
{
	autofree char *json = NULL;

	if ((resources && options->resources) ||
	    (!resources && !options->resources && !options->restart))
		return cli_usage(cli, err,
				 resources ? "--resources goes without other limits"
					   : "expected a limit, --restart, --resources, --image "
					     "or --check");
	if (resources)
		json = json_format_line(resources);
	else if (options->resources && read_resources(options->resources, &json, err) < 0)
		return fail_while(err, "update");
	return cli_each_container(cli, argv, update_one,
				  &(const struct update){ options->restart, json });
}

static int cmd_update(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	const struct update_options *options = verb_options;
	autojson resources = NULL;
	bool has_limits;

	if (argc == 0 && !options->check)
		return cli_usage(cli, err, "expected the id of a container");
	if (limit_options_format(&options->limits, &resources, err) < 0)
		return fail_while(err, "update");
	has_limits = resources || options->resources || options->restart;
	if ((options->image != NULL) + options->check + has_limits > 1)
		return cli_usage(cli, err,
				 "--image, --check, and limits or --restart, go one by one");
	if (!options->image && (options->pull || gate_options_are_given(&options->gate)))
		return cli_usage(cli, err, "this option goes with --image");
	if (options->format && !options->check)
		return cli_usage(cli, err, "--format goes with --check");
	if (options->check)
		return outdated_print(cli, argv, options->format, err);
	return options->image ? update_images(cli, options, argv, err)
			      : update_limits(cli, options, resources, argv, err);
}

static const struct option_entry options_of_update[] = {
	OPTION(update_options, image, "image", 0, OPTION_TEXT, "IMAGE",
	       "put it on another image; what is wrong is put back"),
	OPTION(update_options, pull, "pull", 0, OPTION_TEXT, "missing|always|never|newer",
	       "when to ask the registry for it (missing)"),
	GATE_OPTIONS(update_options, gate, "its own check"),
	OPTION(update_options, check, "check", 0, OPTION_FLAG, NULL,
	       "tell which have another image than their registry"),
	OPTION(update_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of what --check tells"),
	OPTION(update_options, resources, "resources", 'r', OPTION_TEXT, "FILE|-",
	       "read linux.resources of a specification"),
	OPTION(update_options, restart, "restart", 0, OPTION_TEXT, "POLICY",
	       "another restart policy"),
	LIMIT_OPTIONS(update_options, limits, OPTION_ANY_FORM),
	{},
};

const struct verb verb_update = {
	.name = "update",
	.arguments = "ID... | --check [ID...]",
	.summary = "change the limits of containers, their restart policy or their image",
	.details =
		"With --image a container keeps its name, limits, mounts and volumes, and what was "
		"asked for\nwhen it was made; the old root file system is kept for a rollback.\n"
		"--check exits with 100 when one is outdated.",
	.options = options_of_update,
	.options_size = sizeof(struct update_options),
	.options_defaults = &(const struct update_options){ .gate = GATE_OPTIONS_DEFAULTS },
	.run = cmd_update,
};
