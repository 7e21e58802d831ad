/* SPDX-License-Identifier: MIT */
/* cp: files and trees between host and container. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "lxcri/files.h"

#include <string.h>
#include <unistd.h>

struct cp_options {
	bool archive;
	bool follow;
	bool quiet;
};

/* One argument: "ID:PATH", a path of the host, or "-". */
struct cp_end {
	char *id; /* NULL: on the host; owned */
	const char *path;
};

/* A path that begins with "/" or "." is the host's, whatever colons it has. */
static struct cp_end parse_end(const char *argument)
{
	const char *colon = strchr(argument, ':');

	if (!colon || *argument == '/' || *argument == '.' || colon == argument)
		return (struct cp_end){ .path = argument };
	return (struct cp_end){ .id = xstrndup(argument, (size_t)(colon - argument)),
				.path = colon + 1 };
}

static int check_ends(const struct cli *cli, const struct cp_end *from, const struct cp_end *to,
		      struct lxcri_error *err)
{
	if (from->id && to->id)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "cp: from container to container: copy it to - and from there");
	if (!from->id && !to->id)
		return cli_usage(cli, err, "expected one of the two as ID:PATH");
	if (from->id && strcmp(to->path, "-") == 0 && isatty(STDOUT_FILENO))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "cp: an archive is not for a terminal; send it to a file or a pipe");
	return 0;
}

static int cmd_cp(struct cli *cli, const void *verb_options, int argc, char **argv,
		  struct lxcri_error *err)
{
	const struct cp_options *given = verb_options;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;

	if (argc != 2)
		return cli_usage(cli, err, "expected source and destination");

	struct cp_end from = parse_end(argv[0]);
	struct cp_end to = parse_end(argv[1]);
	autofree char *from_id = from.id;
	autofree char *to_id = to.id;
	const char *host = from.id ? to.path : from.path;
	const struct lxcri_copy_options options = {
		.host_path = strcmp(host, "-") == 0 ? NULL : host,
		.stream_fd = from.id ? STDOUT_FILENO : STDIN_FILENO,
		.archive = given->archive,
		.follow = given->follow,
	};

	if (check_ends(cli, &from, &to, err) < 0 ||
	    cli_open_container(cli, from.id ? from.id : to.id, &container, err) < 0)
		return -1;
	if (from.id)
		return lxcri_container_copy_out(container, from.path, &options, err) < 0
			       ? -1
			       : EXIT_SUCCESS;
	return lxcri_container_copy_in(container, to.path, &options, err) < 0 ? -1 : EXIT_SUCCESS;
}

static const struct option_entry options_of_cp[] = {
	OPTION(cp_options, archive, "archive", 'a', OPTION_FLAG, NULL,
	       "keep owners, set-id bits and file capabilities"),
	OPTION(cp_options, follow, "follow-link", 'L', OPTION_FLAG, NULL,
	       "copy what a symlink leads to"),
	OPTION(cp_options, quiet, "quiet", 'q', OPTION_FLAG, NULL, "accepted: there is no noise"),
	{},
};

const struct verb verb_cp = {
	.name = "cp",
	.arguments = "SOURCE ID:PATH | ID:PATH DESTINATION",
	.summary = "copy files into or out of a container",
	.details = "SOURCE or DESTINATION - is a tar archive on standard input or output. Into a\n"
		   "directory that exists a source goes under its own name; of one that ends in\n"
		   "/. the content does.",
	.options = options_of_cp,
	.options_size = sizeof(struct cp_options),
	.run = cmd_cp,
};
