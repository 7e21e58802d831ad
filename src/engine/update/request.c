/* SPDX-License-Identifier: MIT */
/* What a user asked for that an image says as well. */

#include "engine/update/request.h"

#include "base/json.h"
#include "base/mem.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

static const struct list_member {
	const char *key;
	size_t offset;
} list_members[] = {
	{ "command", offsetof(struct request, command) },
	{ "entrypoint", offsetof(struct request, entrypoint) },
	{ "env", offsetof(struct request, env) },
	{ "unset", offsetof(struct request, unset) },
	{ "groupAdd", offsetof(struct request, group_add) },
	{ "labels", offsetof(struct request, labels) },
};

static const struct text_member {
	const char *key;
	size_t offset;
} text_members[] = {
	{ "user", offsetof(struct request, user) },
	{ "workingDir", offsetof(struct request, working_dir) },
	{ "stopSignal", offsetof(struct request, stop_signal) },
};

static struct strings *list_slot(struct request *request, const struct list_member *member)
{
	return (struct strings *)((char *)request + member->offset);
}

static char **text_slot(struct request *request, const struct text_member *member)
{
	return (char **)((char *)request + member->offset);
}

void request_finish(struct request *request)
{
	for (size_t i = 0; i < ARRAY_LEN(list_members); i++)
		strings_finish(list_slot(request, &list_members[i]));
	for (size_t i = 0; i < ARRAY_LEN(text_members); i++)
		freep(text_slot(request, &text_members[i]));
}

static void add_list(const char *const *list, struct strings *to)
{
	for (size_t i = 0; list && list[i]; i++)
		strings_add(to, list[i]);
}

/* As the specification takes them: a name alone means the caller's own value. */
static void add_env(const char *const *list, struct request *request)
{
	for (size_t i = 0; list && list[i]; i++) {
		const char *value = strchr(list[i], '=') ? NULL : getenv(list[i]);

		if (strchr(list[i], '='))
			strings_add(&request->env, list[i]);
		else if (value)
			strings_addf(&request->env, "%s=%s", list[i], value);
		else
			strings_add(&request->unset, list[i]);
	}
}

static char *format(struct request *request)
{
	autojson object = json_object_new_object();

	json_object_object_add(object, "version", json_object_new_int(1));
	for (size_t i = 0; i < ARRAY_LEN(list_members); i++) {
		const struct strings *list = list_slot(request, &list_members[i]);

		json_object_object_add(object, list_members[i].key, json_from_texts(list));
	}
	for (size_t i = 0; i < ARRAY_LEN(text_members); i++)
		json_set_text(object, text_members[i].key, *text_slot(request, &text_members[i]));
	json_object_object_add(object, "hasEntrypoint",
			       json_object_new_boolean(request->has_entrypoint));
	json_object_object_add(object, "init", json_object_new_boolean(request->init));
	json_object_object_add(object, "hasHealth", json_object_new_boolean(request->has_health));
	return json_format(object);
}

/* Zeroed, it is all as the image says. */
static bool says_something(const struct lxcri_healthcheck *health)
{
	return health->off || health->test || health->interval_ns || health->timeout_ns ||
	       health->start_period_ns || health->retries || health->action != LXCRI_HEALTH_NONE;
}

int request_save(const struct lxcri_create_options *options, const char *dir,
		 struct lxcri_error *err)
{
	autorun(request_finish) struct request request = {
		.has_entrypoint = options->entrypoint != NULL,
		.init = options->init,
		.has_health = options->health && says_something(options->health),
		.user = xstrdup(options->user),
		.working_dir = xstrdup(options->working_dir),
		.stop_signal = xstrdup(options->stop_signal),
	};
	autofree char *path = xformat("%s/" REQUEST_FILE, dir);
	autofree char *text = NULL;
	int r;

	add_list(options->command, &request.command);
	add_list(options->entrypoint, &request.entrypoint);
	add_list(options->group_add, &request.group_add);
	add_list(options->labels, &request.labels);
	add_env(options->env, &request);
	text = format(&request);
	r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_VOLATILE);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s", path) : 0;
}

int request_load(const char *dir, struct request *ret_request, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" REQUEST_FILE, dir);
	autofree char *text = NULL;
	autojson object = NULL;
	struct request request = {};
	size_t size;
	int r = file_read(AT_FDCWD, path, json_limits_spec.bytes_max, &text, &size);

	if (r == -ENOENT)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "an earlier release made it, and did not write down what of it was "
			    "asked for and what is the image's; make it anew");
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s", path);
	if (json_parse(text, size, &json_limits_spec, &object, err) < 0) {
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "read %s", path);
	}
	for (size_t i = 0; i < ARRAY_LEN(list_members); i++)
		json_take_texts(json_get(object, list_members[i].key),
				list_slot(&request, &list_members[i]));
	for (size_t i = 0; i < ARRAY_LEN(text_members); i++)
		*text_slot(&request, &text_members[i]) =
			xstrdup(json_get_text(object, text_members[i].key));
	request.has_entrypoint = json_get_bool(object, "hasEntrypoint", false);
	request.init = json_get_bool(object, "init", false);
	request.has_health = json_get_bool(object, "hasHealth", false);
	*ret_request = request;
	return 0;
}

static const char *const *list_of(const struct strings *strings)
{
	return (const char *const *)strings->items;
}

void request_apply(const struct request *request, struct lxcri_create_options *options)
{
	static const char *const none[] = { NULL };

	options->command = list_of(&request->command);
	options->env = list_of(&request->env);
	options->group_add = list_of(&request->group_add);
	options->labels = list_of(&request->labels);
	if (request->has_entrypoint)
		options->entrypoint =
			request->entrypoint.count > 0 ? list_of(&request->entrypoint) : none;
	options->init = request->init;
	options->user = request->user;
	options->working_dir = request->working_dir;
	options->stop_signal = request->stop_signal;
}
