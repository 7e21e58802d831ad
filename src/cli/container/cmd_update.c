/* SPDX-License-Identifier: MIT */
/* update: other limits, of a running container and for its later starts, or another restart policy.
 */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
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

static int update_one(struct lxcri_container *container, const void *options,
		      struct lxcri_error *err)
{
	const struct update *update = options;

	if (update->restart && lxcri_container_set_restart(container, update->restart, err) < 0)
		return -1;
	return update->json ? lxcri_container_update(container, update->json, err) : 0;
}

static int cmd_update(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	const struct update_options *options = verb_options;
	autofree char *json = NULL;
	autojson resources = NULL;

	if (options->image)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "update --image: this version cannot give a container another image; "
			    "make a new container of %s",
			    options->image);
	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	if (limit_options_format(&options->limits, &resources, err) < 0)
		return fail_while(err, "update");
	if ((resources && options->resources) ||
	    (!resources && !options->resources && !options->restart))
		return cli_usage(cli, err,
				 resources ? "--resources goes without other limits"
					   : "expected a limit, --restart or --resources");
	if (resources)
		json = json_format_line(resources);
	else if (options->resources && read_resources(options->resources, &json, err) < 0)
		return fail_while(err, "update");
	return cli_each_container(cli, argv, update_one,
				  &(const struct update){ options->restart, json });
}

static const struct option_entry options_of_update[] = {
	OPTION(update_options, resources, "resources", 'r', OPTION_TEXT, "FILE|-",
	       "read linux.resources of a specification"),
	OPTION(update_options, restart, "restart", 0, OPTION_TEXT, "POLICY",
	       "another restart policy"),
	LIMIT_OPTIONS(update_options, limits, OPTION_ANY_FORM),
	OPTION(update_options, image, "image", 0, OPTION_TEXT, "IMAGE", "refused by this version"),
	{},
};

const struct verb verb_update = {
	.name = "update",
	.arguments = "ID...",
	.summary = "change the limits or the restart policy of containers",
	.options = options_of_update,
	.options_size = sizeof(struct update_options),
	.run = cmd_update,
};
