/* SPDX-License-Identifier: MIT */
/* Waiting for tasks. */

#include "proxmox/task.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "proxmox/upid.h"

#include <string.h>
#include <time.h>

#define FIRST_PAUSE_MS 50
#define LAST_PAUSE_MS  1000
/* Of a log, what is asked for, and how much of it is worth showing. */
#define LOG_LINES 20
#define LOG_SHOWN 3

static void pause_ms(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * NS_IN_MS };

	(void)nanosleep(&time, NULL);
}

/* Appends the last lines of the log, but for what the task's end has said already. */
static void add_log(struct pve *pve, const char *node, const char *upid, struct text *words)
{
	autofree char *escaped = pve_escape(upid);
	autojson lines = NULL;
	struct lxcri_error ignored = {};
	size_t count;

	if (pve_get(pve, &lines, &ignored, "/nodes/%s/tasks/%s/log?limit=%d", node, escaped,
		    LOG_LINES) < 0)
		return;
	count = json_count(lines);
	for (size_t i = count > LOG_SHOWN + 1 ? count - LOG_SHOWN - 1 : 0; i < count; i++) {
		const char *line = json_get_text(json_object_array_get_idx(lines, i), "t");

		if (line && *line && !text_starts_with(line, "TASK ERROR"))
			text_addf(words, "; %.200s", line);
	}
}

static enum lxcri_code code_of(const char *words)
{
	static const struct {
		const char *words;
		enum lxcri_code code;
	} known[] = {
		{ "already exists", LXCRI_E_CONTAINER_EXISTS },
		{ "locked", LXCRI_E_INVALID_STATE },
		{ "protection", LXCRI_E_INVALID_STATE },
		{ "already running", LXCRI_E_INVALID_STATE },
		{ "not running", LXCRI_E_INVALID_STATE },
		{ "No space left", LXCRI_E_STORAGE_ERROR },
		{ "out of space", LXCRI_E_STORAGE_ERROR },
		{ "not enough free space", LXCRI_E_STORAGE_ERROR },
		{ "got timeout", LXCRI_E_TIMEOUT },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcasestr(words, known[i].words))
			return known[i].code;
	return LXCRI_E_SYSTEM;
}

/* Judges a task that has stopped. */
static int judge(struct pve *pve, const struct upid *task, const char *upid,
		 struct json_object *status, struct lxcri_error *err)
{
	const char *end = json_get_text(status, "exitstatus");
	autorun(text_finish) struct text words = {};

	if (end && strcmp(end, "OK") == 0)
		return 0;
	text_addf(&words, "%.400s", end ? end : "it ended without saying how");
	add_log(pve, task->node, upid, &words);
	text_mask_controls(words.data, ' ');
	if (end && text_starts_with(end, "WARNINGS:")) {
		log_warning("Proxmox VE: task %s: %s", task->type, words.data);
		return 0;
	}
	return fail(err, code_of(words.data), "Proxmox VE: task %s on node %s: %s", task->type,
		    task->node, words.data);
}

int task_await(struct pve *pve, const char *upid, unsigned int seconds, struct lxcri_error *err)
{
	const int64_t end = moment_now() + (int64_t)seconds * NS_IN_SECOND;
	autofree char *escaped = pve_escape(upid);
	long pause = FIRST_PAUSE_MS;
	struct upid task;

	if (upid_parse(upid, &task, err) < 0)
		return -1;
	for (;;) {
		autojson status = NULL;
		const char *word;

		if (pve_get(pve, &status, err, "/nodes/%s/tasks/%s/status", task.node, escaped) < 0)
			return fail_while(err, "wait for the task %s", task.type);
		word = json_get_text(status, "status");
		if (!word)
			return fail(err, LXCRI_E_SYSTEM,
				    "Proxmox VE: task %s on node %s has no status", task.type,
				    task.node);
		if (strcmp(word, "running") != 0)
			return judge(pve, &task, upid, status, err);
		if (moment_now() > end)
			return fail(err, LXCRI_E_TIMEOUT,
				    "Proxmox VE: task %s on node %s has not ended within %u s; it "
				    "goes on",
				    task.type, task.node, seconds);
		pause_ms(pause);
		pause = pause * 2 < LAST_PAUSE_MS ? pause * 2 : LAST_PAUSE_MS;
	}
}

int task_run(struct pve *pve, const struct pve_request *request, unsigned int seconds,
	     struct lxcri_error *err)
{
	autojson data = NULL;

	if (pve_call(pve, request, &data, err) < 0)
		return -1;
	if (!data) /* done at once */
		return 0;
	if (!json_object_is_type(data, json_type_string))
		return fail(err, LXCRI_E_SYSTEM, "Proxmox VE: %s %s answered with no task",
			    request->method, request->path);
	return task_await(pve, json_object_get_string(data), seconds, err);
}
