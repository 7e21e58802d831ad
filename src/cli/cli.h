/* SPDX-License-Identifier: MIT */
#pragma once

/* What one call of the command works with: its global options, and the configuration and the engine
 * once a verb asks for them. */

#include "base/fail.h"
#include "cli/options.h"
#include "lxcri/container.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Which exit codes a failure has. */
enum cli_codes {
	CLI_CODES_PLAIN,  /* 1 */
	CLI_CODES_DOCKER, /* 127 no such command, 126 not executable, 125 anything else */
};

struct cli_globals {
	const char *root_path;
	const char *data_path;
	const char *config_path;
	const char *log_path;
	const char *log_format;
	const char *runtime;
	bool debug;
	bool systemd_cgroup;
	bool version;
};

struct cli {
	struct cli_globals globals;
	const struct verb *verb;
	const struct option_parser *parser; /* of the verb's options: which were given */
	enum cli_codes codes;
	struct lxcri_config *config; /* NULL until cli_load_config() */
	struct lxcri_engine *engine; /* NULL until cli_open_engine() */
	FILE *log;
	bool log_is_json;
};

/* One word of the command line. */
struct verb {
	const char *name;
	const char *alias;     /* or NULL */
	const char *arguments; /* usage behind the options */
	const char *summary;
	const char *details; /* further lines of help, or NULL */
	const struct option_entry *options;
	size_t options_size;          /* of the struct that they fill; 0 without options */
	const void *options_defaults; /* such a struct; NULL: zeroes */
	enum option_order order;
	enum cli_codes codes; /* of a failure, until run() decides otherwise */
	bool hidden;          /* for programs: help does not tell of it */
	bool moves;           /* a process between cgroups, whenever it succeeds */

	/* Runs the verb with what the command line has besides options. Returns the exit code. */
	int (*run)(struct cli *cli, const void *options, int argc, char **argv,
		   struct lxcri_error *err);
};

/* All verbs in the order of help, ended by NULL. */
extern const struct verb *const verbs[];

/* The options before the verb. */
extern const struct option_entry cli_global_options[];

/* Finds a verb by name or alias; NULL when there is none, having filled @err with the nearest. */
const struct verb *cli_find_verb(const char *name, struct lxcri_error *err);

/* Runs a whole command line: options, verb, report of its failure. Returns the exit code. */
int cli_main(int argc, char **argv);

/* Loads the configuration and lays the global options and the environment over it. */
[[nodiscard]] int cli_load_config(struct cli *cli, struct lxcri_error *err);

/* Opens the engine of that configuration; a second call does nothing. */
[[nodiscard]] int cli_open_engine(struct cli *cli, struct lxcri_error *err);

/* Opens the container @id, and the engine where needed. The caller owns *@ret_container. */
[[nodiscard]] int cli_open_container(struct cli *cli, const char *id,
				     struct lxcri_container **ret_container,
				     struct lxcri_error *err);

/* Fails with LXCRI_E_INVALID_ARGUMENT, naming the verb and pointing to its help. */
[[gnu::format(printf, 3, 4)]] int cli_usage(const struct cli *cli, struct lxcri_error *err,
					    const char *format, ...);

/* Reads @value of the option @option as a moment: RFC 3339, seconds since 1970, or how long ago.
 * NULL is 0. LXCRI_E_INVALID_ARGUMENT names option and value. */
[[nodiscard]] int cli_parse_moment(const char *option, const char *value, int64_t *ret_ns,
				   struct lxcri_error *err);

/* Writes the one line of a failure to standard error and the log. */
void cli_report(struct cli *cli, const struct lxcri_error *err);

/* Opens each container of @ids and calls @act, which returns < 0 for failure. One that fails is
 * reported and the next is tried. Returns the exit code. */
int cli_each_container(struct cli *cli, char **ids,
		       int (*act)(struct lxcri_container *container, const void *options,
				  struct lxcri_error *err),
		       const void *options);

static inline void lxcri_container_freep(struct lxcri_container **container)
{
	lxcri_container_free(*container);
	*container = NULL;
}
