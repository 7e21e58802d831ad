/* SPDX-License-Identifier: MIT */
/* Health checks. */

#include "engine/service/health.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/container.h"
#include "engine/pod/pod.h"
#include "engine/service/probe.h"
#include "os/file.h"

#include <string.h>

#define INTERVAL_NS (30 * NS_IN_SECOND)
#define TIMEOUT_NS  (30 * NS_IN_SECOND)
#define SHORTEST_NS 1000000ll /* as docker has it */
#define LONGEST_NS  (366ll * 24 * 3600 * NS_IN_SECOND)
#define RETRIES     3
#define RETRIES_MAX 1000000
#define STATE_MAX   (64u << 10)

static const char *const action_names[] = {
	[LXCRI_HEALTH_NONE] = "none",
	[LXCRI_HEALTH_KILL] = "kill",
	[LXCRI_HEALTH_RESTART] = "restart",
	[LXCRI_HEALTH_STOP] = "stop",
};

static const char *const status_names[] = {
	[HEALTH_UNKNOWN] = NULL,
	[HEALTH_STARTING] = "starting",
	[HEALTH_WELL] = "healthy",
	[HEALTH_ILL] = "unhealthy",
};

int lxcri_health_action_parse(const char *text, enum lxcri_health_action *ret_action,
			      struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(action_names); i++) {
		if (strcmp(text, action_names[i]) != 0)
			continue;
		*ret_action = (enum lxcri_health_action)i;
		return 0;
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "\"%.40s\": expected none, kill, restart or stop", text);
}

const char *health_status_name(enum health_status status)
{
	return status_names[status];
}

void health_check_finish(struct health_check *check)
{
	strings_finish(&check->command);
	*check = (struct health_check){};
}

void health_state_finish(struct health_state *state)
{
	free(state->output);
	*state = (struct health_state){};
}

/* Takes "CMD", PROGRAM, ... or "CMD-SHELL", LINE. Returns 1, 0 for "NONE", or -1. */
static int take_test(const char *const *words, size_t count, struct strings *command,
		     struct lxcri_error *err)
{
	if (count == 0 || strcmp(words[0], "NONE") == 0)
		return 0;
	if (strcmp(words[0], "CMD-SHELL") == 0 && count == 2) {
		strings_add(command, "/bin/sh");
		strings_add(command, "-c");
		strings_add(command, words[1]);
		return 1;
	}
	if (strcmp(words[0], "CMD") != 0 || count < 2)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "a health check is CMD with a program, or CMD-SHELL with one line");
	for (size_t i = 1; i < count; i++)
		strings_add(command, words[i]);
	return 1;
}

static size_t count_words(const char *const *words)
{
	size_t count = 0;

	while (words && words[count])
		count++;
	return count;
}

/* Takes what the user says, else what the image does, else the default. */
static int choose_time(const char *what, int64_t asked, const struct spec_i64 *image,
		       int64_t otherwise, int64_t *ret, struct lxcri_error *err)
{
	*ret = asked ? asked : image && image->set && image->value > 0 ? image->value : otherwise;
	if (*ret < 0 || *ret > LONGEST_NS || (*ret < SHORTEST_NS && otherwise > 0))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "the %s of a health check is from 1 ms to a year", what);
	return 0;
}

static int choose_times(const struct lxcri_healthcheck *asked,
			const struct image_healthcheck *image, struct health_check *check,
			struct lxcri_error *err)
{
	const bool has_retries = image && image->retries.set && image->retries.value > 0 &&
				 image->retries.value <= RETRIES_MAX;

	check->retries = asked->retries ? asked->retries
			 : has_retries  ? (unsigned int)image->retries.value
					: RETRIES;
	check->action = asked->action;
	if (choose_time("interval", asked->interval_ns, image ? &image->interval_ns : NULL,
			INTERVAL_NS, &check->interval_ns, err) < 0 ||
	    choose_time("timeout", asked->timeout_ns, image ? &image->timeout_ns : NULL, TIMEOUT_NS,
			&check->timeout_ns, err) < 0)
		return -1;
	return choose_time("start period", asked->start_period_ns,
			   image ? &image->start_period_ns : NULL, 0, &check->start_period_ns, err);
}

static char *check_format(const struct health_check *check)
{
	autojson object = json_object_new_object();

	json_object_object_add(object, "command", json_from_texts(&check->command));
	json_object_object_add(object, "interval", json_object_new_int64(check->interval_ns));
	json_object_object_add(object, "timeout", json_object_new_int64(check->timeout_ns));
	json_object_object_add(object, "startPeriod",
			       json_object_new_int64(check->start_period_ns));
	json_object_object_add(object, "retries", json_object_new_int64(check->retries));
	json_set_text(object, "onFailure", action_names[check->action]);
	return json_format_line(object);
}

int health_choose(const struct lxcri_healthcheck *asked, const struct image_healthcheck *image,
		  char **ret, struct lxcri_error *err)
{
	static const struct lxcri_healthcheck nothing;
	autorun(health_check_finish) struct health_check check = {};
	int r;

	*ret = NULL;
	asked = asked ? asked : &nothing;
	if (asked->off)
		return 0;
	if (asked->test)
		r = take_test(asked->test, count_words(asked->test), &check.command, err);
	else
		r = image ? take_test(image->test.items, image->test.count, &check.command, err)
			  : 0;
	if (r <= 0)
		return r;
	/* The image's times are for the image's check. */
	if (choose_times(asked, asked->test ? NULL : image, &check, err) < 0)
		return -1;
	*ret = check_format(&check);
	return 0;
}

int health_check_parse(const char *text, struct health_check *ret_check, struct lxcri_error *err)
{
	autorun(health_check_finish) struct health_check check = {};
	struct lxcri_error ignored = {};
	autojson object = NULL;
	struct json_object *command = NULL;
	const char *action = NULL;

	if (json_parse(text, strlen(text), &json_limits_config, &object, &ignored) == 0) {
		command = json_get(object, "command");
		action = json_get_text(object, "onFailure");
	}
	for (size_t i = 0; i < json_count(command); i++)
		strings_add(&check.command,
			    json_object_get_string(json_object_array_get_idx(command, i)));
	check.interval_ns = json_get_i64(object, "interval", 0);
	check.timeout_ns = json_get_i64(object, "timeout", 0);
	check.start_period_ns = json_get_i64(object, "startPeriod", 0);
	check.retries = (unsigned int)json_get_i64(object, "retries", 0);
	if (check.command.count == 0 || check.interval_ns < SHORTEST_NS ||
	    check.timeout_ns < SHORTEST_NS || check.retries == 0 || !action ||
	    lxcri_health_action_parse(action, &check.action, &ignored) < 0)
		return fail(err, LXCRI_E_STORAGE_ERROR, "the health check is damaged");
	*ret_check = check;
	check = (struct health_check){};
	return 0;
}

void health_state_load(int run_dirfd, int64_t run_ns, struct health_state *ret_state)
{
	autofree char *text = NULL;
	autojson object = NULL;
	struct lxcri_error ignored = {};
	const char *status;
	size_t size;

	*ret_state = (struct health_state){};
	if (run_dirfd < 0 || file_read(run_dirfd, HEALTH_FILE, STATE_MAX, &text, &size) < 0 ||
	    json_parse(text, size, &json_limits_config, &object, &ignored) < 0 ||
	    json_get_i64(object, "run", 0) != run_ns)
		return;
	status = json_get_text(object, "status");
	for (size_t i = HEALTH_STARTING; status && i < ARRAY_LEN(status_names); i++)
		if (strcmp(status_names[i], status) == 0)
			ret_state->status = (enum health_status)i;
	ret_state->run_ns = run_ns;
	ret_state->checked_ns = json_get_i64(object, "checked", 0);
	ret_state->failing = (unsigned int)json_get_i64(object, "failing", 0);
	ret_state->exit_code = (int)json_get_i64(object, "exitCode", 0);
	ret_state->output = xstrdup(json_get_text(object, "output"));
}

int health_state_save(int run_dirfd, const struct health_state *state)
{
	autojson object = json_object_new_object();
	autofree char *text = NULL;

	json_set_text(object, "status", status_names[state->status]);
	json_object_object_add(object, "run", json_object_new_int64(state->run_ns));
	json_object_object_add(object, "checked", json_object_new_int64(state->checked_ns));
	json_object_object_add(object, "failing", json_object_new_int64(state->failing));
	json_object_object_add(object, "exitCode", json_object_new_int(state->exit_code));
	json_set_text(object, "output", state->output);
	text = json_format_line(object);
	return file_write_atomic(run_dirfd, HEALTH_FILE, text, strlen(text), 0600, FILE_VOLATILE);
}

enum health_status health_by_probes(const char *text, int run_dirfd, int64_t run_ns)
{
	static const enum health_status statuses[] = { [PROBES_STARTING] = HEALTH_STARTING,
						       [PROBES_READY] = HEALTH_WELL,
						       [PROBES_UNREADY] = HEALTH_ILL };
	autorun(probes_finish) struct probes probes = {};
	autorun(probes_state_finish) struct probes_state state = {};
	struct lxcri_error ignored = {};

	if (probes_parse(text, &probes, &ignored) < 0)
		return HEALTH_ILL;
	probes_state_load(run_dirfd, &probes, run_ns, &state);
	return statuses[probes_judge(&state)];
}

static bool is_pod_ready(struct lxcri_engine *engine, const char *id)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error ignored = {};
	struct lxcri_pod_state state;

	return lxcri_pod_open(engine, id, &pod, &ignored) == 0 &&
	       lxcri_pod_state(pod, &state, &ignored) == 0 && pod_is_ready(&state);
}

bool health_is_ready(struct lxcri_engine *engine, const char *id)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_error err = {};
	enum health_status status;

	if (lxcri_container_open(engine, id, &container, &err) < 0)
		return err.code == LXCRI_E_CONTAINER_NOT_FOUND && is_pod_ready(engine, id);
	status = container_health(container)->status;
	return container->status == LXCRI_STATUS_RUNNING &&
	       (status == HEALTH_UNKNOWN || status == HEALTH_WELL);
}
