/* SPDX-License-Identifier: MIT */
/* run and create, in three forms: with a bundle as runc has them, with --image IMAGE NAME, and as
 * docker has them. */

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/pull_display.h"
#include "cli/request/create_request.h"
#include "config/config.h"
#include "os/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

enum create_form {
	FORM_BUNDLE,
	FORM_IMAGE, /* --image IMAGE NAME [COMMAND...] */
	FORM_DOCKER,
};

/* Tells whether the current directory is a bundle: has a config.json that is a runtime
 * specification and not, say, the configuration of something else. */
static bool is_in_bundle(void)
{
	autofree char *bytes = NULL;
	autojson document = NULL;
	struct lxcri_error err;
	size_t size;

	if (file_read(AT_FDCWD, "config.json", json_limits_spec.bytes_max, &bytes, &size) < 0 ||
	    json_parse(bytes, size, &json_limits_spec, &document, &err) < 0)
		return false;
	return json_get_text(document, "ociVersion") != NULL;
}

static enum create_form form_of(const struct create_options *options, int argc)
{
	if (options->bundle)
		return FORM_BUNDLE;
	if (options->image)
		return FORM_IMAGE;
	return argc == 1 && !options->name && is_in_bundle() ? FORM_BUNDLE : FORM_DOCKER;
}

/* Writes a name of 12 hexadecimal digits, not all of them decimal: such numbers are Proxmox VE's.
 */
static int make_name(char ret[static 13], struct lxcri_error *err)
{
	unsigned char random[6];
	bool has_letter = false;

	while (!has_letter) {
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return fail_errno(err, errno, "make a random name");
		for (size_t i = 0; i < sizeof(random); i++)
			(void)snprintf(ret + 2 * i, 3, "%02x", random[i]);
		for (size_t i = 0; i < 12; i++)
			has_letter = has_letter || isalpha((unsigned char)ret[i]);
	}
	return 0;
}

/* Reads what stands behind the options, by form. */
static int take_arguments(const struct cli *cli, const struct create_options *options,
			  enum create_form form, char **argv, struct lxcri_create_options *engine,
			  struct lxcri_error *err)
{
	static char name[13];
	int used = 0;

	if (form == FORM_BUNDLE) {
		if (!argv[0])
			return cli_usage(cli, err, "expected the id of the container");
		if (argv[1])
			return cli_usage(cli, err,
					 "\"%s\": with a bundle the id is all; options "
					 "stand before it",
					 argv[1]);
		engine->id = argv[0];
		engine->bundle = options->bundle ? options->bundle : ".";
		engine->stdio = LXCRI_STDIO_INHERIT;
		return 0;
	}
	engine->stdio = LXCRI_STDIO_LOG;
	engine->id = options->name;
	engine->image = form == FORM_IMAGE ? options->image : argv[used++];
	if (!engine->image)
		return cli_usage(cli, err, "expected an image, or --bundle");
	if (!engine->id && form == FORM_IMAGE) {
		engine->id = argv[used++];
		if (!engine->id)
			return cli_usage(cli, err, "expected a name behind the options");
	}
	if (!engine->id) {
		if (make_name(name, err) < 0)
			return -1;
		engine->id = name;
		engine->release_addresses = true; /* nobody can have written them down */
	}
	if (argv[used])
		engine->command = (const char *const *)(argv + used);
	return 0;
}

/* Refuses what the form would have to ignore. */
static int check_form(struct cli *cli, const struct create_options *options, enum create_form form,
		      struct lxcri_error *err)
{
	const char *of_image = cli->parser->given[OPTION_IMAGE_FORM];
	const char *of_bundle = cli->parser->given[OPTION_BUNDLE_FORM];

	if (form == FORM_BUNDLE && of_image)
		return cli_usage(cli, err,
				 options->bundle ? "--%s does not go with a bundle"
						 : "--%s does not go with a bundle, which this "
						   "directory is; an image goes with --name too",
				 of_image);
	if (form != FORM_BUNDLE && of_bundle)
		return cli_usage(cli, err, "--%s needs a bundle", of_bundle);
	return 0;
}

static int prepare(struct cli *cli, const struct create_options *options, int argc, char **argv,
		   struct create_request *request, struct lxcri_error *err)
{
	enum create_form form = form_of(options, argc);

	cli->codes = form == FORM_BUNDLE ? CLI_CODES_PLAIN : CLI_CODES_DOCKER;
	if (check_form(cli, options, form, err) < 0)
		return -1;
	if (create_request_fill(options, request, err) < 0)
		return fail_while(err, "%s", cli->verb->name);
	return take_arguments(cli, options, form, argv, &request->options, err);
}

/* Opens the engine and gives a container of an image the limits that the configuration has for
 * those that name none. */
static int open_engine(struct cli *cli, struct lxcri_create_options *engine,
		       struct lxcri_error *err)
{
	if (cli_open_engine(cli, err) < 0)
		return -1;
	if (engine->image && engine->memory_bytes == 0)
		engine->memory_bytes = config_u64(cli->config, CONFIG_RUNTIME_DEFAULT_MEMORY);
	if (engine->image && engine->cpus == 0)
		engine->cpus = config_number(cli->config, CONFIG_RUNTIME_DEFAULT_CORES);
	return 0;
}

static void show_pull(struct pull_display *display, struct lxcri_create_options *engine)
{
	if (!isatty(STDERR_FILENO))
		return;
	engine->pull_progress = pull_display_show;
	engine->pull_userdata = display;
}

static int cmd_create(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	autorun(create_request_finish) struct create_request request = {};
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autorun(pull_display_finish) struct pull_display display = {};

	if (prepare(cli, verb_options, argc, argv, &request, err) < 0 ||
	    open_engine(cli, &request.options, err) < 0)
		return -1;
	show_pull(&display, &request.options);
	if (lxcri_container_create(cli->engine, &request.options, &container, err) < 0)
		return -1;
	if (!request.options.bundle)
		(void)puts(request.options.id);
	return EXIT_SUCCESS;
}

/* A run that never got to the user's process leaves no container behind. */
static void undo(struct lxcri_container *container)
{
	struct lxcri_state state;
	struct lxcri_error ignored;

	if (lxcri_container_state(container, &state, &ignored) == 0 && state.started_ns == 0)
		(void)lxcri_container_delete(container, true, &ignored);
}

static int cmd_run(struct cli *cli, const void *verb_options, int argc, char **argv,
		   struct lxcri_error *err)
{
	const struct create_options *options = verb_options;
	autorun(create_request_finish) struct create_request request = {};
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autorun(pull_display_finish) struct pull_display display = {};
	int code = EXIT_SUCCESS;

	if (prepare(cli, options, argc, argv, &request, err) < 0 ||
	    open_engine(cli, &request.options, err) < 0)
		return -1;
	request.options.attached = !options->detach;
	show_pull(&display, &request.options);
	/* As runc: what was run to its end in the foreground is gone afterwards. */
	if (request.options.bundle)
		request.options.remove = !options->detach && !options->keep;
	if (lxcri_container_create(cli->engine, &request.options, &container, err) < 0)
		return -1;
	if (options->detach)
		code = lxcri_container_start(container, err);
	else
		code = lxcri_container_run_attached(container, true, err);
	if (code < 0)
		undo(container);
	else if (options->detach && !request.options.bundle)
		(void)puts(request.options.id);
	return code;
}

const struct verb verb_run = {
	.name = "run",
	.arguments = "IMAGE [COMMAND...] | --image IMAGE NAME [COMMAND...] | --bundle DIR ID",
	.summary = "create and start a container, and return its exit code",
	.details = "An image is oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF], "
		   "docker://REF\nor a name, which is pulled unless it is stored. A bundle is "
		   "found in the current directory as well.",
	.options = create_option_table,
	.options_size = sizeof(struct create_options),
	.order = OPTIONS_FIRST,
	.codes = CLI_CODES_DOCKER,
	.moves = true,
	.run = cmd_run,
};

const struct verb verb_create = {
	.name = "create",
	.arguments = "IMAGE [COMMAND...] | --image IMAGE NAME [COMMAND...] | --bundle DIR ID",
	.summary = "create a container whose process waits for start",
	.options = create_option_table,
	.options_size = sizeof(struct create_options),
	.order = OPTIONS_FIRST,
	.codes = CLI_CODES_DOCKER,
	.moves = true,
	.run = cmd_create,
};
