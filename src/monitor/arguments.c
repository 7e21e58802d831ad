/* SPDX-License-Identifier: MIT */
/* The monitor's command line, as monitor_launch() writes it. */

#include "monitor/supervisor.h"

#include "base/scope.h"
#include "base/text.h"

#include <getopt.h>
#include <string.h>

/* The container's process gets them as descriptors 3 and up; process_spawn() carries 16 in all, and
 * a backend needs two. */
#define PRESERVE_FDS_MAX 11

static const struct backend {
	const char *name;
	const struct runtime_ops *ops;
} backends[] = {
	{ "crun", &runtime_crun },
	{ "lxc", &runtime_lxc },
	{ "runc", &runtime_oci_cli },
};

static int set_backend(struct arguments *arguments, const char *name, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(backends); i++)
		if (strcmp(backends[i].name, name) == 0)
			arguments->ops = backends[i].ops;
	if (!arguments->ops)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "no backend is called %s", name);
	return 0;
}

enum option_value {
	OPTION_BACKEND = 1,
	OPTION_LOWER,
	OPTION_UID_MAP,
	OPTION_GID_MAP,
	OPTION_EXIT_COMMAND,
	OPTION_PRESERVE_FDS,
	OPTION_LOG_MAX_SIZE,
	OPTION_LOG_MAX_FILE,
	OPTION_SCOPE_PROPERTY,
	OPTION_PART,
	OPTION_TEXT, /* from here on: an index into the table of texts, or of flags, is added */
	OPTION_FLAG = 64,
};

/* Where the values of one kind are kept. */
struct places {
	const char **texts[24];
	bool *flags[8];
};

static const char *const text_names[] = { "id",     "bundle",     "run-dir",      "exit-dir",
					  "log",    "helper-dir", "runtime-path", "console-socket",
					  "rootfs", "upper",      "work",         "cgroups-path",
					  "slice",  "scope",      "journal",      "events",
					  "image",  "dataset",    "directory" };
static const char *const flag_names[] = { "terminal", "stdin", "inherit", "systemd-cgroup",
					  "shifted" };

static struct places places_of(struct arguments *arguments)
{
	return (struct places){
		.texts = { &arguments->id, &arguments->bundle, &arguments->run_dir,
			   &arguments->exit_dir, &arguments->log_path, &arguments->helper_dir,
			   &arguments->runtime_path, &arguments->console_socket, &arguments->rootfs,
			   &arguments->upper, &arguments->work, &arguments->cgroups_path,
			   &arguments->slice, &arguments->scope, &arguments->journal,
			   &arguments->events, &arguments->image, &arguments->dataset,
			   &arguments->directory },
		.flags = { &arguments->terminal, &arguments->open_stdin, &arguments->inherit,
			   &arguments->systemd_cgroup, &arguments->shifted },
	};
}

static void make_table(struct option table[40])
{
	size_t n = 0;

	table[n++] = (struct option){ "backend", required_argument, NULL, OPTION_BACKEND };
	table[n++] = (struct option){ "lower", required_argument, NULL, OPTION_LOWER };
	table[n++] = (struct option){ "uid-map", required_argument, NULL, OPTION_UID_MAP };
	table[n++] = (struct option){ "gid-map", required_argument, NULL, OPTION_GID_MAP };
	table[n++] =
		(struct option){ "exit-command", required_argument, NULL, OPTION_EXIT_COMMAND };
	table[n++] =
		(struct option){ "preserve-fds", required_argument, NULL, OPTION_PRESERVE_FDS };
	table[n++] =
		(struct option){ "log-max-size", required_argument, NULL, OPTION_LOG_MAX_SIZE };
	table[n++] =
		(struct option){ "log-max-file", required_argument, NULL, OPTION_LOG_MAX_FILE };
	table[n++] =
		(struct option){ "scope-property", required_argument, NULL, OPTION_SCOPE_PROPERTY };
	table[n++] = (struct option){ "part", required_argument, NULL, OPTION_PART };
	for (size_t i = 0; i < ARRAY_LEN(text_names); i++)
		table[n++] = (struct option){ text_names[i], required_argument, NULL,
					      OPTION_TEXT + (int)i };
	for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
		table[n++] =
			(struct option){ flag_names[i], no_argument, NULL, OPTION_FLAG + (int)i };
	table[n] = (struct option){};
}

static int take_extent(struct id_extents *extents, struct lxcri_error *err)
{
	return id_extents_parse(extents, optarg) < 0
		       ? fail(err, LXCRI_E_INVALID_ARGUMENT, "%s is no mapping of ids", optarg)
		       : 0;
}

static int set_limits(struct arguments *arguments, int option, struct lxcri_error *err)
{
	uint64_t number;

	if (option == OPTION_LOG_MAX_SIZE) {
		if (text_parse_u64(optarg, LOG_FILE_BYTES_MIN, INT64_MAX, &number) < 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "a log file must have %d bytes at least", LOG_FILE_BYTES_MIN);
		arguments->log_limits.file_bytes = number;
	} else {
		if (text_parse_u64(optarg, 1, UINT32_MAX, &number) < 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "a log must have a file");
		arguments->log_limits.files = (unsigned int)number;
	}
	return 0;
}

static int take(struct arguments *arguments, int option, struct lxcri_error *err)
{
	struct places places = places_of(arguments);
	uint64_t number;

	if (option == OPTION_BACKEND)
		return set_backend(arguments, optarg, err);
	if (option == OPTION_UID_MAP)
		return take_extent(&arguments->owners.uids, err);
	if (option == OPTION_GID_MAP)
		return take_extent(&arguments->owners.gids, err);
	if (option == OPTION_LOG_MAX_SIZE || option == OPTION_LOG_MAX_FILE)
		return set_limits(arguments, option, err);
	if (option == OPTION_LOWER) {
		strings_add(&arguments->lowers, optarg);
	} else if (option == OPTION_SCOPE_PROPERTY) {
		strings_add(&arguments->scope_properties, optarg);
	} else if (option == OPTION_PART) {
		strings_add(&arguments->parts, optarg);
	} else if (option == OPTION_EXIT_COMMAND) {
		strings_add(&arguments->exit_command, optarg);
	} else if (option == OPTION_PRESERVE_FDS) {
		if (text_parse_u64(optarg, 0, PRESERVE_FDS_MAX, &number) < 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "the number of preserved descriptors must be 0 to %d",
				    PRESERVE_FDS_MAX);
		arguments->preserve_fds = (unsigned int)number;
	} else if (option >= OPTION_FLAG) {
		*places.flags[option - OPTION_FLAG] = true;
	} else if (option < OPTION_TEXT + (int)ARRAY_LEN(text_names)) {
		*places.texts[option - OPTION_TEXT] = optarg;
	}
	return 0;
}

int arguments_parse(struct arguments *arguments, int argc, char **argv, struct lxcri_error *err)
{
	struct option table[40];
	int option;

	arguments->log_limits.files = 1;
	make_table(table);
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		if (option == '?')
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "unknown argument %s",
				    argv[optind - 1]);
		if (take(arguments, option, err) < 0)
			return -1;
	}
	if (!arguments->id || !arguments->ops || !arguments->bundle || !arguments->run_dir ||
	    !arguments->helper_dir || (arguments->upper && !arguments->work) ||
	    (arguments->rootfs && arguments->lowers.count == 0 && !arguments->dataset &&
	     !arguments->directory))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "an argument is missing");
	return 0;
}
