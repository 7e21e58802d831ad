/* SPDX-License-Identifier: MIT */
/* What is run in a container before it is told to end. */

#include "engine/service/hook.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/event.h"
#include "os/file.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>

#define LEFT_SECONDS_MIN 2
#define NS_IN_SECOND     1000000000ll

char *hook_format(const char *const *words)
{
	autojson array = json_object_new_array();

	if (!words || !words[0])
		return NULL;
	for (; *words; words++)
		json_object_array_add(array, json_object_new_string(*words));
	return json_format_line(array);
}

static int take_words(const char *text, struct strings *ret)
{
	struct lxcri_error ignored = {};
	autojson array = NULL;

	if (json_parse(text, strlen(text), &json_limits_config, &array, &ignored) < 0)
		return -1;
	for (size_t i = 0; i < json_count(array); i++)
		strings_add(ret, json_object_get_string(json_object_array_get_idx(array, i)));
	return ret->count > 0 ? 0 : -1;
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

unsigned int hook_run(struct lxcri_container *container, unsigned int grace_seconds)
{
	autorun(strings_finish) struct strings words = {};
	autofree char *pid_file = NULL;
	const int64_t began = moment_now();
	struct lxcri_error err = {};
	int64_t left;

	if (!container->record.pre_stop || container->status != LXCRI_STATUS_RUNNING ||
	    grace_seconds == 0)
		return grace_seconds;
	pid_file = xformat("%s/prestop.pid", container->home.run_dir);
	if (take_words(container->record.pre_stop, &words) == 0) {
		const struct lxcri_exec_options exec = { .args = (const char *const *)words.items,
							 .detach = true,
							 .pid_file = pid_file };

		if (lxcri_container_exec(container, &exec, &err) < 0)
			container_event(container, "prestop_failed", "error", err.text);
		else
			await_end(pid_file, grace_seconds);
	}
	left = grace_seconds - (moment_now() - began) / NS_IN_SECOND;
	return left < LEFT_SECONDS_MIN ? LEFT_SECONDS_MIN : (unsigned int)left;
}
