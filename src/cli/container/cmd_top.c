/* SPDX-License-Identifier: MIT */
/* top: the processes of one container, with the columns that are asked for. */

#include "base/mem.h"
#include "base/nearest.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/container/users.h"
#include "cli/print.h"
#include "os/process_list.h"

#include <inttypes.h>
#include <string.h>

struct top_options {
	const char *format;
};

/* One process as the columns see it. */
struct row {
	pid_t pid;
	pid_t inner_pid; /* in the container */
	struct process_details details;
	const struct users *users;
};

static struct json_object *get_pid(const struct row *row)
{
	return json_object_new_int(row->pid);
}

static struct json_object *get_ppid(const struct row *row)
{
	return json_object_new_int(row->details.parent);
}

static struct json_object *get_nspid(const struct row *row)
{
	return json_object_new_int(row->inner_pid);
}

static struct json_object *get_uid(const struct row *row)
{
	return json_object_new_int64(row->details.uid);
}

/* What the container says is anything; JSON is UTF-8. */
static struct json_object *new_text(const char *text)
{
	autofree char *well_formed = xstrdup(text);

	text_mask_malformed(well_formed, '?');
	return json_object_new_string(well_formed);
}

static struct json_object *get_user(const struct row *row)
{
	autofree char *name = users_name(row->users, row->details.uid);

	return new_text(name);
}

static struct json_object *get_stat(const struct row *row)
{
	return json_object_new_string_len(&row->details.state, 1);
}

static struct json_object *get_time(const struct row *row)
{
	uint64_t seconds = row->details.cpu_ms / 1000;
	autofree char *text = xformat("%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
				      seconds / 60 % 60, seconds % 60);

	return json_object_new_string(text);
}

/* Of its whole life, as ps has it. */
static struct json_object *get_pcpu(const struct row *row)
{
	double share = row->details.age_ms == 0
			       ? 0
			       : 100.0 * (double)row->details.cpu_ms / (double)row->details.age_ms;
	autofree char *text = xformat("%.1f", share);

	return json_object_new_double_s(share, text);
}

static struct json_object *get_rss(const struct row *row)
{
	return json_object_new_int64((int64_t)(row->details.rss_bytes / 1024));
}

static struct json_object *get_command(const struct row *row)
{
	return new_text(row->details.command);
}

static const struct column {
	const char *name;
	const char *alias; /* or NULL */
	const char *heading;
	struct json_object *(*get)(const struct row *row);
} columns[] = {
	{ "pid", "hpid", "PID", get_pid },       { "nspid", NULL, "NSPID", get_nspid },
	{ "ppid", NULL, "PPID", get_ppid },      { "user", "euser", "USER", get_user },
	{ "uid", "euid", "UID", get_uid },       { "stat", "state", "STAT", get_stat },
	{ "time", "cputime", "TIME", get_time }, { "pcpu", "%cpu", "%CPU", get_pcpu },
	{ "rss", NULL, "RSS", get_rss },         { "command", "args", "COMMAND", get_command },
};

#define COLUMNS_MAX 32

struct selection {
	const struct column *columns[COLUMNS_MAX];
	size_t count;
};

static int add_column(struct selection *selection, const char *name, struct lxcri_error *err)
{
	struct nearest nearest = nearest_to(name);

	if (selection->count == COLUMNS_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "top: more than %d columns",
			    COLUMNS_MAX);
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		const struct column *column = &columns[i];

		nearest_offer(&nearest, column->name);
		if (strcmp(column->name, name) != 0 &&
		    (!column->alias || strcmp(column->alias, name) != 0))
			continue;
		selection->columns[selection->count++] = column;
		return 0;
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "top: there is no column \"%s\"%s%s; known are pid, nspid, ppid, user, uid, "
		    "stat, time, pcpu, rss and command",
		    name, nearest.best ? "; did you mean " : "", nearest.best ? nearest.best : "");
}

static int add_columns(struct selection *selection, const char *names, struct lxcri_error *err)
{
	while (*names) {
		size_t length = strcspn(names, ", ");
		autofree char *name = xstrndup(names, length);

		if (length > 0 && add_column(selection, name, err) < 0)
			return -1;
		names += length;
		names += strspn(names, ", ");
	}
	return 0;
}

/* What people are used to give to ps. */
static const char *expand(const char *word)
{
	static const char *const sets[][2] = {
		{ "-ef", "user,pid,ppid,pcpu,time,command" },
		{ "aux", "user,pid,pcpu,rss,stat,time,command" },
		{ "-aux", "user,pid,pcpu,rss,stat,time,command" },
	};

	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (strcmp(word, sets[i][0]) == 0)
			return sets[i][1];
	return NULL;
}

/* "-eo pid,command", "-o pid -o command", "-opid", "pid command", "aux", "-ef", "-e". */
static int select_columns(struct selection *selection, char **words, struct lxcri_error *err)
{
	for (; *words; words++) {
		const char *word = *words;
		const char *names = expand(word);

		if (!names && *word == '-') {
			word += 1 + strspn(word + 1, "eA");
			if (*word == 'o')
				names = word[1] ? word + 1 : *++words;
			else if (*word)
				return fail(
					err, LXCRI_E_INVALID_ARGUMENT,
					"top: of the options of ps -e, -f and -o are known, not "
					"\"%s\"",
					*words);
			else
				continue;
			if (!names)
				return fail(err, LXCRI_E_INVALID_ARGUMENT,
					    "top: -o: expected columns");
		}
		if (add_columns(selection, names ? names : word, err) < 0)
			return -1;
	}
	return selection->count > 0
		       ? 0
		       : add_columns(selection, "pid,nspid,ppid,user,stat,pcpu,time,command", err);
}

struct listing {
	const struct selection *selection;
	struct print_table table;
	struct json_object *array;
};

static void add_row(struct listing *listing, const struct row *row)
{
	const struct selection *selection = listing->selection;
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < selection->count; i++) {
		struct json_object *value = selection->columns[i]->get(row);

		strings_add(&listing->table.cells, json_object_get_string(value));
		json_object_object_add(object, selection->columns[i]->name, value);
	}
	(void)json_object_array_add(listing->array, object);
}

static int list_processes(pid_t pid, struct listing *listing, struct lxcri_error *err)
{
	autorun(users_finish) struct users users = {};
	autofree struct process_entry *processes = NULL;
	ssize_t count = process_list(pid, &processes);

	if (count < 0)
		return fail_errno(err, (int)count, "top: list the processes");
	users_load(pid, &users);
	for (size_t i = 0; i < listing->selection->count; i++)
		strings_add(&listing->table.cells, listing->selection->columns[i]->heading);
	for (ssize_t i = 0; i < count; i++) {
		struct row row = { .pid = processes[i].pid,
				   .inner_pid = processes[i].inner_pid,
				   .users = &users };

		if (process_look(row.pid, &row.details) == 0)
			add_row(listing, &row);
	}
	return 0;
}

static int cmd_top(struct cli *cli, const void *verb_options, int argc, char **argv,
		   struct lxcri_error *err)
{
	const struct top_options *options = verb_options;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autojson array = json_object_new_array();
	struct selection selection = {};
	struct listing listing = { .selection = &selection, .array = array };
	struct lxcri_state state;
	int is_json = print_wants_json(options->format, err);

	if (argc == 0)
		return cli_usage(cli, err, "expected the id of a container");
	if (is_json < 0)
		return fail_while(err, "top");
	if (select_columns(&selection, argv + 1, err) < 0 ||
	    cli_open_container(cli, argv[0], &container, err) < 0 ||
	    lxcri_container_state(container, &state, err) < 0)
		return -1;
	if (state.type == LXCRI_PROXMOX_LXC && state.pid <= 0 &&
	    state.status == LXCRI_STATUS_RUNNING)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "top %s: its processes are on another host, a node of Proxmox VE; "
			    "there is pct exec",
			    argv[0]);
	if (state.pid <= 0)
		return fail(err, LXCRI_E_INVALID_STATE, "top %s: the container is %s", argv[0],
			    lxcri_status_name(state.status));
	listing.table.columns = selection.count;

	int r = list_processes(state.pid, &listing, err);

	if (r == 0 && is_json)
		print_json(array, stdout);
	else if (r == 0)
		print_table_finish(&listing.table, stdout);
	strings_finish(&listing.table.cells);
	return r < 0 ? -1 : EXIT_SUCCESS;
}

static const struct option_entry options_of_top[] = {
	OPTION(top_options, format, "format", 'f', OPTION_TEXT, "table|json", "form of the output"),
	{},
};

const struct verb verb_top = {
	.name = "top",
	.arguments = "ID [PS-OPTIONS | COLUMN...]",
	.summary = "list the processes of a container",
	.details = "Columns: pid (on the host), nspid (in the container), ppid, user (as the\n"
		   "container calls it), uid (on the host), stat, time, pcpu, rss (KiB), command.\n"
		   "They are given as words, or as to ps: -eo pid,command, -ef, aux.",
	.options = options_of_top,
	.options_size = sizeof(struct top_options),
	.order = OPTIONS_FIRST,
	.run = cmd_top,
};
