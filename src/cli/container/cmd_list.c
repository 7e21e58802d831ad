/* SPDX-License-Identifier: MIT */
/* list and ps: all containers, or those that run, as a table or as JSON that has what runc's has;
 * and the processes of one container. */

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "os/process_list.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

struct list_options {
	const char *format;
	bool all;
	bool quiet;
};

/* A listing on its way out. */
struct listing {
	struct cli *cli;
	const struct list_options *options;
	bool only_running;
	bool is_json;
	int64_t now_ns;
	struct print_table table;
	struct json_object *array;
};

/* Returns the state in words, "running 3 minutes"; owned by the caller. */
static char *describe(const struct lxcri_state *state, int64_t now)
{
	const char *name = lxcri_status_name(state->status);
	autofree char *up = print_duration(now - state->started_ns);
	autofree char *down = print_duration(now - state->finished_ns);

	if (state->status == LXCRI_STATUS_STOPPED && state->end_unknown)
		return xstrdup(state->monitor_lost ? "gone from Proxmox VE" : name);
	if (state->status == LXCRI_STATUS_STOPPED)
		return state->finished_ns > 0
			       ? xformat("exited (%d) %s ago%s%s", state->exit_code, down,
					 state->oom_killed ? ", out of memory" : "",
					 state->monitor_lost ? ", monitor lost" : "")
			       : xformat("exited (%d)", state->exit_code);
	if (state->started_ns > 0 && state->status != LXCRI_STATUS_CREATED)
		return state->health ? xformat("%s %s (%s)", name, up, state->health)
				     : xformat("%s %s", name, up);
	return xstrdup(name);
}

static void add_row(struct listing *listing, const struct lxcri_state *state)
{
	struct strings *cells = &listing->table.cells;
	autofree char *age = print_duration(listing->now_ns - state->created_ns);

	strings_add(cells, state->id);
	strings_add(cells, state->image ? state->image : "-");
	strings_add(cells, lxcri_container_type_name(state->type));
	strings_add_consume(cells, describe(state, listing->now_ns));
	if (state->pid > 0)
		strings_addf(cells, "%d", (int)state->pid);
	else
		strings_add(cells, "-");
	strings_addf(cells, "%s ago", age);
}

static void set_time(struct json_object *object, const char *key, int64_t time_ns)
{
	char text[MOMENT_BYTES];

	if (time_ns <= 0)
		return;
	(void)moment_format(time_ns, text);
	json_set_text(object, key, text);
}

/* The record does not keep who made the container; its directory does. */
static void add_owner(struct json_object *object, const char *root_path, const char *id)
{
	autofree char *path = xformat("%s/containers/%s", root_path, id);
	struct stat status;

	if (stat(path, &status) < 0)
		return;

	const struct passwd *owner = getpwuid(status.st_uid);
	autofree char *number = xformat("%u", status.st_uid);

	json_set_text(object, "owner", owner ? owner->pw_name : number);
}

/* Returns what runc lists of a container, which is its OCI state, and what else we know; NULL when
 * it is gone by now. */
static struct json_object *object_of(struct cli *cli, const struct lxcri_state *state)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autofree char *json = NULL;
	struct lxcri_error err;

	if (lxcri_container_open(cli->engine, state->id, &container, &err) < 0 ||
	    lxcri_container_state_json(container, &json, &err) < 0)
		return NULL;

	struct json_object *object = json_tokener_parse(json);

	add_owner(object, lxcri_config_root_path(cli->config), state->id);
	json_set_text(object, "runtime", lxcri_container_type_name(state->type));
	json_set_text(object, "image", state->image);
	json_set_text(object, "digest", state->digest);
	json_set_text(object, "logPath", state->log_path);
	json_set_text(object, "health", state->health);
	set_time(object, "started", state->started_ns);
	set_time(object, "finished", state->finished_ns);
	if (state->status == LXCRI_STATUS_STOPPED && !state->end_unknown) {
		json_object_object_add(object, "exitCode", json_object_new_int(state->exit_code));
		json_object_object_add(object, "OOMKilled",
				       json_object_new_boolean(state->oom_killed));
	}
	return object;
}

static int list_one(void *userdata, const struct lxcri_state *state)
{
	struct listing *listing = userdata;

	if (listing->only_running && state->status != LXCRI_STATUS_RUNNING &&
	    state->status != LXCRI_STATUS_PAUSED)
		return 0;
	if (listing->options->quiet) {
		(void)puts(state->id);
	} else if (listing->is_json) {
		struct json_object *object = object_of(listing->cli, state);

		if (object)
			(void)json_object_array_add(listing->array, object);
	} else {
		add_row(listing, state);
	}
	return 0;
}

static int list_all(struct cli *cli, const struct list_options *options, bool only_running,
		    struct lxcri_error *err)
{
	static const char *const heading[] = {
		"ID", "IMAGE", "RUNTIME", "STATUS", "PID", "CREATED"
	};
	autojson array = json_object_new_array();
	int is_json = print_wants_json(options->format, err);
	struct listing listing = {
		.cli = cli,
		.options = options,
		.only_running = only_running,
		.is_json = is_json == 1,
		.now_ns = moment_now(),
		.table.columns = ARRAY_LEN(heading),
		.array = array,
	};
	int r;

	if (is_json < 0)
		return fail_while(err, "%s", cli->verb->name);
	if (cli_open_engine(cli, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&listing.table.cells, heading[i]);
	r = lxcri_container_list(cli->engine, list_one, &listing, err);
	if (r < 0 || options->quiet || listing.is_json)
		strings_finish(&listing.table.cells);
	else
		print_table_finish(&listing.table, stdout);
	if (r == 0 && listing.is_json && !options->quiet)
		print_json(array, stdout);
	return r < 0 ? -1 : EXIT_SUCCESS;
}

/* Prints the processes of one container, as pids of the host. */
static int list_processes(struct cli *cli, const struct list_options *options, const char *id,
			  struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autojson array = json_object_new_array();
	autofree struct process_entry *processes = NULL;
	struct print_table table = { .columns = 3 };
	struct lxcri_state state;
	int is_json = print_wants_json(options->format, err);

	if (is_json < 0)
		return fail_while(err, "ps");
	if (cli_open_container(cli, id, &container, err) < 0 ||
	    lxcri_container_state(container, &state, err) < 0)
		return -1;
	if (state.pid <= 0)
		return fail(err, LXCRI_E_INVALID_STATE, "ps %s: the container is %s", id,
			    lxcri_status_name(state.status));

	ssize_t count = process_list(state.pid, &processes);

	if (count < 0)
		return fail_errno(err, (int)count, "ps %s: list its processes", id);
	for (ssize_t i = 0; options->quiet && i < count; i++)
		(void)printf("%d\n", (int)processes[i].pid);
	if (options->quiet)
		return EXIT_SUCCESS;
	strings_add(&table.cells, "PID");
	strings_add(&table.cells, "USER");
	strings_add(&table.cells, "COMMAND");
	for (ssize_t i = 0; i < count; i++) {
		(void)json_object_array_add(array, json_object_new_int(processes[i].pid));
		strings_addf(&table.cells, "%d", (int)processes[i].pid);
		strings_addf(&table.cells, "%u", processes[i].uid);
		strings_add(&table.cells, processes[i].command);
	}
	if (is_json)
		print_json(array, stdout);
	else
		print_table_finish(&table, stdout);
	strings_finish(&table.cells);
	return EXIT_SUCCESS;
}

static int cmd_list(struct cli *cli, const void *options, int argc, char **argv,
		    struct lxcri_error *err)
{
	if (argc > 0)
		return cli_usage(cli, err, "expected no argument");
	return list_all(cli, options, false, err);
}

static int cmd_ps(struct cli *cli, const void *verb_options, int argc, char **argv,
		  struct lxcri_error *err)
{
	const struct list_options *options = verb_options;

	if (argc > 1 || (argc == 1 && options->all))
		return cli_usage(cli, err, "expected at most one id");
	if (argc == 1)
		return list_processes(cli, options, argv[0], err);
	return list_all(cli, options, !options->all, err);
}

static const struct option_entry options_of_list[] = {
	OPTION(list_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the output"),
	OPTION(list_options, quiet, "quiet", 'q', OPTION_FLAG, NULL, "only the ids"),
	OPTION(list_options, all, "all", 'a', OPTION_FLAG, NULL, "stopped ones too (always)"),
	{},
};

static const struct option_entry options_of_ps[] = {
	OPTION(list_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the output"),
	OPTION(list_options, quiet, "quiet", 'q', OPTION_FLAG, NULL, "only the ids, or pids"),
	OPTION(list_options, all, "all", 'a', OPTION_FLAG, NULL, "stopped containers too"),
	{},
};

const struct verb verb_list = {
	.name = "list",
	.alias = "ls",
	.arguments = "",
	.summary = "list all containers",
	.options = options_of_list,
	.options_size = sizeof(struct list_options),
	.run = cmd_list,
};

const struct verb verb_ps = {
	.name = "ps",
	.arguments = "[ID]",
	.summary = "list running containers, or the processes of one",
	.options = options_of_ps,
	.options_size = sizeof(struct list_options),
	.run = cmd_ps,
};
