/* SPDX-License-Identifier: MIT */
/* A further process: the container's own process object, changed by what the caller asks for. */

#include "base/json.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_node.h"
#include "engine/bundle/passwd.h"
#include "lxcri/limits.h"
#include "os/cgroup/cgroup_move.h"
#include "os/file.h"
#include "os/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SPEC_BYTES_MAX (16u << 20)

/* What a runtime has in the container until the process is there: runc's has some threads. */
#define OWN_PROCESSES 8

/* Reads the process object of the container's specification; owned by the caller. */
static int load_process(const struct lxcri_container *container, struct json_object **ret_process,
			struct lxcri_error *err)
{
	autofree char *path = xformat("%s/config.json", container->record.bundle);
	autofree char *json = NULL;
	autojson spec = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, SPEC_BYTES_MAX, &json, &size);

	if (r < 0)
		return fail_errno(err, r, "read %s", path);
	if (json_parse(json, size, &json_limits_spec, &spec, err) < 0)
		return fail_while(err, "%s", path);

	struct json_object *process = json_get(spec, "process");

	if (!process)
		return fail(err, LXCRI_E_INVALID_SPEC, "%s: process is missing", path);
	*ret_process = json_object_get(process);
	return 0;
}

static struct json_object *text_array(const char *const *texts)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; texts && texts[i]; i++)
		json_object_array_add(array, json_object_new_string(texts[i]));
	return array;
}

/* Adds @env to the environment of @process; a later value of a name replaces an earlier one. */
static void set_env(struct json_object *process, const char *const *env)
{
	autorun(strings_finish) struct strings merged = {};
	struct json_object *own = json_get(process, "env");
	size_t count = json_count(own);

	for (size_t i = 0; i < count; i++)
		strings_set_env(&merged, json_object_get_string(json_object_array_get_idx(own, i)));
	for (size_t i = 0; env && env[i]; i++)
		strings_set_env(&merged, env[i]);
	json_object_object_add(process, "env", text_array((const char *const *)merged.items));
}

/* Replaces the user, looked up in the root file system as it is now. */
static int set_user(const struct lxcri_container *container, struct json_object *process,
		    const char *user, struct lxcri_error *err)
{
	autorun(passwd_user_finish) struct passwd_user found = {};
	autorun(strings_finish) struct strings roots = {};
	struct json_object *object = json_object_new_object();
	struct json_object *groups = json_object_new_array();

	strings_addf(&roots, "/proc/%d/root", (int)container->state.pid);
	if (passwd_resolve_in_layers(&roots, user, NULL, &found, err) < 0) {
		json_free(object);
		json_free(groups);
		return -1;
	}
	json_object_object_add(object, "uid", json_object_new_int64(found.uid));
	json_object_object_add(object, "gid", json_object_new_int64(found.gid));
	for (size_t i = 0; i < found.n_gids; i++)
		json_object_array_add(groups, json_object_new_int64(found.gids[i]));
	json_object_object_add(object, "additionalGids", groups);
	json_object_object_add(process, "user", object);
	if (found.home) {
		autofree char *home = xformat("HOME=%s", found.home);
		const char *const env[] = { home, NULL };

		set_env(process, env);
	}
	return 0;
}

/* The size goes along: set later, a quick process would miss it. */
static void set_console_size(struct json_object *process)
{
	struct json_object *size = NULL;
	uint16_t rows;
	uint16_t columns;

	if (terminal_get_size(STDOUT_FILENO, &rows, &columns) < 0)
		return;
	size = json_object_new_object();
	json_object_object_add(size, "height", json_object_new_int(rows));
	json_object_object_add(size, "width", json_object_new_int(columns));
	json_object_object_add(process, "consoleSize", size);
}

/* Makes the process object as text; owned by the caller. */
static int make_process(const struct lxcri_container *container,
			const struct lxcri_exec_options *options, char **ret_json,
			bool *ret_terminal, struct lxcri_error *err)
{
	autojson process = NULL;

	if (options->process_json) {
		const char *json = options->process_json;

		if (json_parse(json, strlen(json), &json_limits_spec, &process, err) < 0)
			return fail_while(err, "the process object");
		*ret_terminal = json_get_bool(process, "terminal", false) || options->terminal;
		json_object_object_add(process, "terminal", json_object_new_boolean(*ret_terminal));
		*ret_json = json_format_line(process);
		return 0;
	}
	if (!options->args || !options->args[0])
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "no command is given");
	if (load_process(container, &process, err) < 0)
		return -1;
	json_object_object_add(process, "args", text_array(options->args));
	json_object_object_add(process, "terminal", json_object_new_boolean(options->terminal));
	json_set_text(process, "cwd", options->working_dir);
	if (options->user && set_user(container, process, options->user, err) < 0)
		return -1;
	set_env(process, options->env);
	if (options->terminal)
		set_console_size(process);
	*ret_terminal = options->terminal;
	*ret_json = json_format_line(process);
	return 0;
}

static int exec_in(struct lxcri_container *container, const struct lxcri_exec_options *options,
		   struct lxcri_error *err)
{
	autoptr(monitor) monitor = NULL;
	autofree char *process = NULL;
	autofree char *console = NULL;
	bool terminal = false;

	if (options->console_socket) {
		console = engine_absolute_path(options->console_socket, err);
		if (!console)
			return -1;
	}
	if (container_refresh(container, err) < 0 ||
	    (ct_is(container) && ct_node_enter(container, NULL, err) < 0))
		return -1;
	if (container->status != LXCRI_STATUS_RUNNING)
		return fail(err, LXCRI_E_INVALID_STATE, "it is %s",
			    lxcri_status_name(container->status));
	cgroup_expect_move(container->record.type == LXCRI_CRUN);
	if (make_process(container, options, &process, &terminal, err) < 0)
		return -1;
	if (ct_is(container))
		return ct_exec(container, options, process, terminal, err);
	if (monitor_connect(container->home.run_fd, &monitor, err) < 0)
		return -1;

	const struct monitor_exec_options exec = {
		.process_json = process,
		.run_dirfd = container->home.run_fd,
		.run_dir = container->home.run_dir,
		.console_socket = console,
		.terminal = terminal,
		.detach = options->detach,
		.open_stdin = options->open_stdin,
		.pid_file = options->pid_file,
	};

	return monitor_exec(monitor, &exec, err);
}

/* A runtime cannot say why it could not make a process. */
static void explain_limit(struct lxcri_container *container, struct lxcri_error *err)
{
	struct lxcri_stats stats;
	struct lxcri_error ignored = {};

	if (err->code != LXCRI_E_EXEC_FAILED || ct_is(container) ||
	    lxcri_container_stats(container, &stats, &ignored) < 0 || !stats.has_pids ||
	    stats.pids_limit == LXCRI_UNLIMITED || stats.pids + OWN_PROCESSES < stats.pids_limit)
		return;
	(void)fail_while(err,
			 "it has %ju of the %ju processes that its limit allows, which update "
			 "--pids-limit raises",
			 (uintmax_t)stats.pids, (uintmax_t)stats.pids_limit);
}

int lxcri_container_exec(struct lxcri_container *container,
			 const struct lxcri_exec_options *options, struct lxcri_error *err)
{
	int code = container_explain_end(container, exec_in(container, options, err), err);

	if (code >= 0)
		return code;
	explain_limit(container, err);
	return fail_as(err, LXCRI_E_EXEC_FAILED, "exec in %s", container->home.id);
}
