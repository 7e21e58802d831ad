/* SPDX-License-Identifier: MIT */
/* One call of the command from options to exit code. */

#include "cli/cli.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/nearest.h"
#include "cli/help.h"
#include "cli/print.h"
#include "config/config.h"
#include "os/cgroup/cgroup_move.h"
#include "os/process.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

static const char *const level_names[] = {
	[LXCRI_LOG_ERROR] = "error",
	[LXCRI_LOG_WARNING] = "warning",
	[LXCRI_LOG_INFO] = "info",
	[LXCRI_LOG_DEBUG] = "debug",
};

const struct option_entry cli_global_options[] = {
	OPTION(cli_globals, root_path, "root", 0, OPTION_TEXT, "DIR", "run-time state"),
	OPTION(cli_globals, data_path, "data", 0, OPTION_TEXT, "DIR", "persistent data"),
	OPTION(cli_globals, config_path, "config", 0, OPTION_TEXT, "FILE", "configuration"),
	OPTION(cli_globals, runtime, "runtime", 0, OPTION_TEXT, "TYPE",
	       "lxc, crun, runc or proxmox-lxc; also behind the verb"),
	OPTION(cli_globals, log_path, "log", 0, OPTION_TEXT, "FILE", "append messages to FILE too"),
	OPTION(cli_globals, log_format, "log-format", 0, OPTION_TEXT, "FORMAT",
	       "text or json, of that file"),
	OPTION(cli_globals, debug, "debug", 0, OPTION_FLAG, NULL, "write debug messages"),
	OPTION(cli_globals, systemd_cgroup, "systemd-cgroup", 0, OPTION_FLAG, NULL,
	       "new containers get scopes of systemd"),
	OPTION(cli_globals, version, "version", 'v', OPTION_FLAG, NULL, "print the version"),
	{},
};

/* What every verb takes behind its name as well. */
static const struct option_entry shared_options[] = {
	OPTION(cli_globals, runtime, "runtime", 0, OPTION_TEXT, "TYPE", "container type"),
	{},
};

static void write_log_line(struct cli *cli, const char *level, const char *text)
{
	char stamp[MOMENT_BYTES];

	if (!cli->log)
		return;
	(void)moment_format(moment_now(), stamp);
	if (cli->log_is_json) {
		autojson line = json_object_new_object();

		json_set_text(line, "level", level);
		json_set_text(line, "msg", text);
		json_set_text(line, "time", stamp);

		autofree char *json = json_format_line(line);

		(void)fprintf(cli->log, "%s\n", json);
	} else {
		autofree char *clean = print_clean(text);

		(void)fprintf(cli->log, "%s %s: %s\n", stamp, level, clean);
	}
	(void)fflush(cli->log);
}

static void log_line(void *userdata, enum lxcri_log_level level, const char *text)
{
	autofree char *clean = print_clean(text);

	(void)fprintf(stderr, "proxmox-lxcri: %s: %s\n", level_names[level], clean);
	write_log_line(userdata, level_names[level], text);
}

int cli_parse_moment(const char *option, const char *value, int64_t *ret_ns,
		     struct lxcri_error *err)
{
	*ret_ns = 0;
	if (value && moment_parse(value, moment_now(), ret_ns) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "%s: \"%s\" is not a time such as 2026-11-22T01:02:03Z, seconds since "
			    "1970, or 10m (ago)",
			    option, value);
	return 0;
}

void cli_report(struct cli *cli, const struct lxcri_error *err)
{
	autofree char *clean = print_clean(err->text);
	autofree char *line = xformat("%s [%s]", clean, lxcri_code_name(err->code));

	(void)fflush(stdout);
	(void)fprintf(stderr, "proxmox-lxcri: %s\n", line);
	write_log_line(cli, "error", line);
}

int cli_usage(const struct cli *cli, struct lxcri_error *err, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s: %s; see proxmox-lxcri help %s",
		    cli->verb->name, text, cli->verb->name);
}

static int open_log(struct cli *cli, const char *path, const char *format, struct lxcri_error *err)
{
	if (format && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--log-format: \"%s\" is not text or json", format);
	cli->log_is_json = format && strcmp(format, "json") == 0;
	if (!path || cli->log)
		return 0;
	cli->log = fopen(path, "ae");
	return cli->log ? 0 : fail_errno(err, errno, "open the log %s", path);
}

static enum lxcri_log_level level_of(const char *name)
{
	enum lxcri_log_level level = LXCRI_LOG_WARNING;

	for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
		if (strcmp(level_names[i], name) == 0)
			level = (enum lxcri_log_level)i;
	return level;
}

/* Applies what the configuration says of the log where no option did. */
static int configure_log(struct cli *cli, struct lxcri_error *err)
{
	const struct cli_globals *globals = &cli->globals;
	const char *format = globals->log_format;

	if (!globals->debug)
		lxcri_log_set(log_line, cli,
			      level_of(config_text(cli->config, CONFIG_RUNTIME_LOG_LEVEL)));
	if (!format)
		format = config_text(cli->config, CONFIG_RUNTIME_LOG_FORMAT);
	return open_log(cli, config_text(cli->config, CONFIG_RUNTIME_LOG_PATH), format, err);
}

/* Checks a directory of the command line, which must not depend on where a later process is. */
static int take_directory(const char *option, const char *path, char **ret, struct lxcri_error *err)
{
	if (!path)
		return 0;
	if (!*path)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s: the path is empty", option);
	if (*path == '/') {
		*ret = xstrdup(path);
		return 0;
	}

	autofree char *here = getcwd(NULL, 0);

	if (!here)
		return fail_errno(err, errno, "%s: find the current directory", option);
	*ret = xformat("%s/%s", here, path);
	return 0;
}

static int force_type(struct cli *cli, struct lxcri_error *err)
{
	const char *origin = "--runtime";
	const char *name = cli->globals.runtime;
	enum lxcri_container_type type;

	if (!name) {
		origin = "PROXMOX_LXCRI_RUNTIME";
		name = getenv(origin);
	}
	if (!name || (!*name && !cli->globals.runtime))
		return 0;
	if (lxcri_container_type_parse(name, &type, err) < 0)
		return fail_while(err, "%s", origin);
	lxcri_config_set_runtime_type(cli->config, type);
	return 0;
}

int cli_load_config(struct cli *cli, struct lxcri_error *err)
{
	autofree char *root = NULL;
	autofree char *data = NULL;

	if (cli->config)
		return 0;
	if (lxcri_config_load(cli->globals.config_path, &cli->config, err) < 0)
		return -1;
	if (configure_log(cli, err) < 0 || force_type(cli, err) < 0 ||
	    take_directory("--root", cli->globals.root_path, &root, err) < 0 ||
	    take_directory("--data", cli->globals.data_path, &data, err) < 0)
		return -1;
	lxcri_config_set_paths(cli->config, root, data);
	if (cli->globals.systemd_cgroup)
		lxcri_config_use_systemd_cgroups(cli->config);
	return 0;
}

int cli_open_engine(struct cli *cli, struct lxcri_error *err)
{
	if (cli->engine)
		return 0;
	if (cli_load_config(cli, err) < 0)
		return -1;
	return lxcri_engine_open(cli->config, &cli->engine, err);
}

int cli_open_container(struct cli *cli, const char *id, struct lxcri_container **ret_container,
		       struct lxcri_error *err)
{
	if (cli_open_engine(cli, err) < 0)
		return -1;
	if (lxcri_container_open(cli->engine, id, ret_container, err) < 0)
		return fail_while(err, "%s %s", cli->verb->name, id);
	return 0;
}

int cli_each_container(struct cli *cli, char **ids,
		       int (*act)(struct lxcri_container *container, const void *options,
				  struct lxcri_error *err),
		       const void *options)
{
	int code = EXIT_SUCCESS;

	for (; *ids; ids++) {
		autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
		struct lxcri_error err = {};

		if (cli_open_container(cli, *ids, &container, &err) == 0 &&
		    act(container, options, &err) >= 0)
			continue;
		cli_report(cli, &err);
		code = EXIT_FAILURE;
	}
	return code;
}

const struct verb *cli_find_verb(const char *name, struct lxcri_error *err)
{
	struct nearest nearest = nearest_to(name);

	for (const struct verb *const *verb = verbs; *verb; verb++) {
		if (strcmp((*verb)->name, name) == 0 ||
		    ((*verb)->alias && strcmp((*verb)->alias, name) == 0))
			return *verb;
		if (!(*verb)->hidden)
			nearest_offer(&nearest, (*verb)->name);
	}
	if (nearest.best)
		(void)fail(err, LXCRI_E_INVALID_ARGUMENT, "unknown verb \"%s\"; did you mean %s?",
			   name, nearest.best);
	else
		(void)fail(err, LXCRI_E_INVALID_ARGUMENT,
			   "unknown verb \"%s\"; see proxmox-lxcri help", name);
	return NULL;
}

/* Says so when an option is a global one that stands too late. */
static int fail_in_options(const struct cli *cli, int argc, char **argv, struct lxcri_error *err)
{
	for (int i = 0; i < argc && argv[i]; i++) {
		autofree char *name = NULL;

		if (strncmp(argv[i], "--", 2) != 0)
			continue;
		name = xstrndup(argv[i] + 2, strcspn(argv[i] + 2, "="));
		if (!options_find(cli_global_options, name) ||
		    options_find(cli->verb->options, name) || options_find(shared_options, name))
			continue;
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "%s: --%s stands before the verb: proxmox-lxcri --%s ... %s",
			    cli->verb->name, name, name, cli->verb->name);
	}
	return fail_while(err, "%s", cli->verb->name);
}

static int run_verb(struct cli *cli, int argc, char **argv, struct lxcri_error *err)
{
	const struct verb *verb = cli->verb;
	autofree void *options = xzalloc(verb->options_size + 1);
	struct option_parser parser = {
		.entries = verb->options,
		.inherited = shared_options,
		.target = options,
		.inherited_target = &cli->globals,
		.order = verb->order,
	};
	int r;

	if (verb->options_defaults)
		memcpy(options, verb->options_defaults, verb->options_size);
	cli->parser = &parser;
	r = options_parse(&parser, argc, argv, err);
	cli->codes = parser.given[OPTION_BUNDLE_FORM] ? CLI_CODES_PLAIN : verb->codes;
	if (r < 0) {
		r = fail_in_options(cli, argc, argv, err);
	} else if (parser.wants_help) {
		help_verb(verb, stdout);
		r = EXIT_SUCCESS;
	} else {
		if (verb->moves)
			cgroup_expect_move(true);
		r = verb->run(cli, options, r, argv, err);
	}
	cli->parser = NULL;
	options_finish(&parser);
	return r;
}

static int exit_code(const struct cli *cli, const struct lxcri_error *err)
{
	if (cli->codes == CLI_CODES_PLAIN)
		return EXIT_FAILURE;
	if (err->code == LXCRI_E_COMMAND_NOT_FOUND)
		return 127;
	return err->code == LXCRI_E_COMMAND_NOT_EXECUTABLE ? 126 : 125;
}

static int run_line(struct cli *cli, int argc, char **argv, struct lxcri_error *err)
{
	struct option_parser globals = {
		.entries = cli_global_options,
		.target = &cli->globals,
		.order = OPTIONS_FIRST,
	};
	int left = options_parse(&globals, argc, argv, err);

	if (left < 0)
		return -1;
	if (cli->globals.debug)
		lxcri_log_set(log_line, cli, LXCRI_LOG_DEBUG);
	if (globals.wants_help) {
		help_overview(stdout);
		return EXIT_SUCCESS;
	}
	if (cli->globals.version) {
		help_version(stdout);
		return EXIT_SUCCESS;
	}
	if (open_log(cli, cli->globals.log_path, cli->globals.log_format, err) < 0)
		return -1;
	if (left == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "expected a verb; see proxmox-lxcri help");
	cli->verb = cli_find_verb(argv[0], err);
	return cli->verb ? run_verb(cli, left - 1, argv + 1, err) : -1;
}

int cli_main(int argc, char **argv)
{
	struct cli cli = {};
	struct lxcri_error err = {};

	if (process_fill_streams() < 0)
		return EXIT_FAILURE; /* and nowhere to say so */
	lxcri_log_set(log_line, &cli, LXCRI_LOG_WARNING);

	int r = run_line(&cli, argc - 1, argv + 1, &err);

	if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = fail_errno(&err, errno, "write to standard output");
	if (r < 0) {
		cli_report(&cli, &err);
		r = exit_code(&cli, &err);
	}
	lxcri_log_set(NULL, NULL, LXCRI_LOG_ERROR);
	lxcri_engine_free(cli.engine);
	lxcri_config_free(cli.config);
	if (cli.log)
		(void)fclose(cli.log);
	return r;
}
