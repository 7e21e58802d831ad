/* SPDX-License-Identifier: MIT */
/* What is done once at a moment of a container's life. */

#include "engine/service/hook.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/event.h"
#include "engine/lifecycle.h"
#include "engine/service/http_get.h"
#include "os/file.h"
#include "os/helper.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>

#define LEFT_SECONDS_MIN 2
#define SECONDS_MAX      86400
#define MARK_FILE        "poststart.lock"

/* As the record has it. Zeroed is nothing. */
struct hook {
	struct strings command;
	struct probe get;
	int64_t sleep_seconds;
	int64_t grace_seconds;
};

static void hook_finish(struct hook *hook)
{
	strings_finish(&hook->command);
	probe_finish(&hook->get);
}

int hook_choose(const struct lxcri_hook *asked, char **ret, struct lxcri_error *err)
{
	autojson object = NULL;
	struct json_object *get = NULL;
	struct json_object *words;

	if (!asked)
		return 0;
	if (!!(asked->command && asked->command[0]) + !!asked->get + !!asked->sleep_seconds != 1)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "expected one of a command, a request and a number of seconds");
	if (asked->sleep_seconds > SECONDS_MAX || asked->grace_seconds > SECONDS_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "more than %d seconds", SECONDS_MAX);
	if (asked->get && asked->get->by != LXCRI_PROBE_HTTP && asked->get->by != LXCRI_PROBE_HTTPS)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "it asks in no known way");
	if (asked->get && probe_format(asked->get, &get, err) < 0)
		return -1;
	object = json_object_new_object();
	if (get)
		json_object_object_add(object, "get", get);
	if (asked->sleep_seconds)
		json_object_object_add(object, "sleep",
				       json_object_new_int64(asked->sleep_seconds));
	json_object_object_add(object, "grace", json_object_new_int64(asked->grace_seconds));
	words = json_object_new_array();
	json_object_object_add(object, "command", words);
	for (size_t i = 0; asked->command && asked->command[i]; i++)
		json_object_array_add(words, json_object_new_string(asked->command[i]));
	*ret = json_format_line(object);
	return 0;
}

/* An earlier release wrote the command alone. What is damaged does nothing. */
static int take(const char *text, struct hook *ret)
{
	struct lxcri_error ignored = {};
	autojson object = NULL;
	struct json_object *words;

	if (json_parse(text, strlen(text), &json_limits_config, &object, &ignored) < 0)
		return -1;
	words = json_object_is_type(object, json_type_array) ? object : json_get(object, "command");
	json_take_texts(words, &ret->command);
	if (words == object)
		return 0;
	ret->sleep_seconds = json_get_i64(object, "sleep", 0);
	ret->grace_seconds = json_get_i64(object, "grace", 0);
	if (json_get(object, "get") && !probe_parse_one(json_get(object, "get"), &ret->get))
		return -1;
	return 0;
}

/* A request of @container's own address, or the one that it names. */
static int ask(const struct lxcri_container *container, const struct probe *probe,
	       unsigned int timeout_seconds, struct lxcri_error *err)
{
	const struct record *record = &container->record;
	const char *network = record->pod_of ? record->pod_of : container->home.id;
	struct address address;

	if (!http_get_find_address(container->engine, network, probe, &address))
		return fail(err, LXCRI_E_INVALID_STATE, "it has no address");
	return http_get_ask(probe, &address, timeout_seconds, err);
}

/* Sleeps, unless the container ends before. */
static int sleep_with(struct lxcri_container *container, unsigned int seconds,
		      struct lxcri_error *err)
{
	int r = seconds ? lxcri_container_wait(container, (int)seconds, err) : 0;

	return r < 0 && err->code == LXCRI_E_TIMEOUT ? 0 : r < 0 ? -1 : 0;
}

/* It is nobody's child here: its end is seen at the descriptor. */
static void await_end(const char *pid_file, unsigned int seconds)
{
	autofree char *text = NULL;
	autoclose int process = -1;
	uint64_t pid;
	size_t size;

	if (file_read(AT_FDCWD, pid_file, 32, &text, &size) == 0 &&
	    text_parse_u64(text, 2, INT32_MAX, &pid) == 0)
		process = pidfd_open((pid_t)pid, 0);
	if (process >= 0) {
		struct pollfd wait = { .fd = process, .events = POLLIN };

		(void)poll(&wait, 1, (int)(seconds * 1000)); /* how it ends does not matter */
	}
}

static int run_for(struct lxcri_container *container, const struct hook *hook,
		   unsigned int grace_seconds, struct lxcri_error *err)
{
	autofree char *pid_file = xformat("%s/prestop.pid", container->home.run_dir);
	const struct lxcri_exec_options exec = { .args = (const char *const *)hook->command.items,
						 .detach = true,
						 .pid_file = pid_file };

	if (hook->get.is_there)
		return ask(container, &hook->get, grace_seconds, err);
	if (hook->sleep_seconds)
		return sleep_with(container,
				  hook->sleep_seconds < grace_seconds
					  ? (unsigned int)hook->sleep_seconds
					  : grace_seconds,
				  err);
	if (hook->command.count == 0)
		return 0;
	if (lxcri_container_exec(container, &exec, err) < 0)
		return -1;
	await_end(pid_file, grace_seconds);
	return 0;
}

unsigned int hook_run(struct lxcri_container *container, unsigned int grace_seconds)
{
	autorun(hook_finish) struct hook hook = {};
	const int64_t began = moment_now();
	struct lxcri_error err = {};
	int64_t left;

	if (!container->record.pre_stop || container->status != LXCRI_STATUS_RUNNING ||
	    grace_seconds == 0)
		return grace_seconds;
	if (take(container->record.pre_stop, &hook) == 0 &&
	    run_for(container, &hook, grace_seconds, &err) < 0)
		container_event(container, "prestop_failed", "error", err.text);
	left = grace_seconds - (moment_now() - began) / NS_IN_SECOND;
	return left < LEFT_SECONDS_MIN ? LEFT_SECONDS_MIN : (unsigned int)left;
}

int hook_mark_start(const struct lxcri_container *container)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autoclose int fd = -1;

	if (!container->record.post_start)
		return -1;
	fd = openat(container->home.run_fd, MARK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	/* Of a former run somebody may hold it still: then it is marked. */
	return fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -1 : steal_fd(&fd);
}

bool hook_is_starting(const struct lxcri_container *container)
{
	autoclose int fd = -1;

	if (!container->record.post_start || container->home.run_fd < 0)
		return false;
	fd = openat(container->home.run_fd, MARK_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && file_find_lock(fd, NULL, NULL) > 0;
}

/* Runs the command beside us, where its streams are nobody's and its exit code is told. */
static int run_command(const struct lxcri_container *container, const struct strings *command,
		       struct lxcri_error *err)
{
	autofree char *program = helper_command_path();
	const char *const before[] = { program,
				       "--root",
				       container->engine->root,
				       "--data",
				       container->engine->data,
				       "exec",
				       container->home.id };
	autorun(strings_finish) struct strings words = {};
	const int fds[] = { -1, -1, -1 };
	struct spawn spawn = {
		.path = program, .fds = fds, .n_fds = ARRAY_LEN(fds), .dies_with_us = true
	};
	pid_t pid;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(before); i++)
		strings_add(&words, before[i]);
	strings_add_all(&words, command);
	spawn.argv = words.items;
	pid = process_spawn(&spawn);
	r = pid < 0 ? pid : process_wait(pid);
	if (r < 0)
		return fail_errno(err, r, "start %s", program);
	r = process_exit_code(r);
	return r == 0 ? 0
		      : fail(err, LXCRI_E_EXEC_FAILED, "%s ended with exit code %d",
			     command->items[0], r);
}

static int run_started(struct lxcri_container *container, const struct hook *hook,
		       struct lxcri_error *err)
{
	if (hook->get.is_there)
		return ask(container, &hook->get, 0, err);
	if (hook->command.count > 0)
		return run_command(container, &hook->command, err);
	return sleep_with(container, (unsigned int)hook->sleep_seconds, err);
}

/* The run that it was is over when it has ended by itself meanwhile. */
static void end_failed(struct lxcri_container *container, int64_t started_ns,
		       unsigned int grace_seconds, const char *why)
{
	struct lxcri_error err = {};

	if (container_refresh(container, &err) < 0 || container->status != LXCRI_STATUS_RUNNING ||
	    container->state.started_ns != started_ns)
		return;
	log_warning("container %s: postStart: %s", container->home.id, why);
	container_event(container, "poststart_failed", "error", why);
	if (lifecycle_end(container, grace_seconds, &err) < 0)
		log_error("%s", err.text);
}

void hook_run_started(struct lxcri_container *container, int mark_consume)
{
	autoclose int mark = mark_consume;
	autorun(hook_finish) struct hook hook = {};
	struct lxcri_error err = {};
	int64_t started_ns;

	if (!container->record.post_start || container_refresh(container, &err) < 0 ||
	    container->status != LXCRI_STATUS_RUNNING)
		return;
	started_ns = container->state.started_ns;
	if (take(container->record.post_start, &hook) == 0 &&
	    run_started(container, &hook, &err) < 0) {
		end_failed(container, started_ns, (unsigned int)hook.grace_seconds, err.text);
		return;
	}
	closep(&mark); /* before it is told that it is over */
	container_event(container, "poststart", NULL, NULL);
}
