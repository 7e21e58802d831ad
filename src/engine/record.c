/* SPDX-License-Identifier: MIT */
/* What the engine remembers of a container, as JSON. */

#include "engine/record.h"

#include "base/json.h"
#include "base/mem.h"

#include <stddef.h>
#include <string.h>

#define RECORD_VERSION 1

/* The members that are plain texts and plain truths, by their key. */
static const struct text_member {
	const char *key;
	size_t offset;
	bool required;
} text_members[] = {
	{ "id", offsetof(struct record, id), true },
	{ "bundle", offsetof(struct record, bundle), true },
	{ "runtimePath", offsetof(struct record, runtime_path), false },
	{ "image", offsetof(struct record, image), false },
	{ "digest", offsetof(struct record, digest), false },
	{ "logPath", offsetof(struct record, log_path), false },
	{ "stopSignal", offsetof(struct record, stop_signal), false },
	{ "consoleSocket", offsetof(struct record, console_socket), false },
	{ "slice", offsetof(struct record, slice), false },
	{ "scope", offsetof(struct record, scope), false },
};

static const struct bool_member {
	const char *key;
	size_t offset;
} bool_members[] = {
	{ "terminal", offsetof(struct record, terminal) },
	{ "openStdin", offsetof(struct record, open_stdin) },
	{ "remove", offsetof(struct record, remove) },
	{ "ownsBundle", offsetof(struct record, owns_bundle) },
};

static char **text_slot(const struct record *record, const struct text_member *member)
{
	return (char **)((char *)record + member->offset);
}

static bool *bool_slot(const struct record *record, const struct bool_member *member)
{
	return (bool *)((char *)record + member->offset);
}

void record_finish(struct record *record)
{
	for (size_t i = 0; i < ARRAY_LEN(text_members); i++)
		free(*text_slot(record, &text_members[i]));
	strings_finish(&record->layers);
	*record = (struct record){};
}

char *record_format(const struct record *record)
{
	autojson object = json_object_new_object();
	struct json_object *layers = json_object_new_array();

	json_object_object_add(object, "version", json_object_new_int(RECORD_VERSION));
	for (size_t i = 0; i < ARRAY_LEN(text_members); i++)
		json_set_text(object, text_members[i].key, *text_slot(record, &text_members[i]));
	for (size_t i = 0; i < ARRAY_LEN(bool_members); i++)
		json_object_object_add(
			object, bool_members[i].key,
			json_object_new_boolean(*bool_slot(record, &bool_members[i])));
	json_set_text(object, "type", lxcri_container_type_name(record->type));
	json_set_text(object, "phase", record->phase == RECORD_READY ? "ready" : "creating");
	json_set_text(object, "stdio", record->stdio == LXCRI_STDIO_LOG ? "log" : "inherit");
	json_object_object_add(object, "created", json_object_new_int64(record->created_ns));
	for (size_t i = 0; i < record->layers.count; i++)
		json_object_array_add(layers, json_object_new_string(record->layers.items[i]));
	json_object_object_add(object, "layers", layers);
	return json_format_line(object);
}

static int take_words(struct json_object *object, struct record *record, struct lxcri_error *err)
{
	const char *type = json_get_text(object, "type");
	const char *phase = json_get_text(object, "phase");
	const char *stdio = json_get_text(object, "stdio");

	if (!type || !phase || !stdio)
		return fail(err, LXCRI_E_STORAGE_ERROR, "type, phase or stdio is missing");
	record->phase = strcmp(phase, "ready") == 0 ? RECORD_READY : RECORD_CREATING;
	record->stdio = strcmp(stdio, "log") == 0 ? LXCRI_STDIO_LOG : LXCRI_STDIO_INHERIT;
	return lxcri_container_type_parse(type, &record->type, err);
}

static int take_members(struct json_object *object, struct record *record, struct lxcri_error *err)
{
	struct json_object *layers = json_get(object, "layers");

	for (size_t i = 0; i < ARRAY_LEN(text_members); i++) {
		const char *text = json_get_text(object, text_members[i].key);

		if (!text && text_members[i].required)
			return fail(err, LXCRI_E_STORAGE_ERROR, "%s is missing",
				    text_members[i].key);
		*text_slot(record, &text_members[i]) = xstrdup(text);
	}
	for (size_t i = 0; i < ARRAY_LEN(bool_members); i++)
		*bool_slot(record, &bool_members[i]) =
			json_get_bool(object, bool_members[i].key, false);
	if (json_object_is_type(layers, json_type_array))
		for (size_t i = 0; i < json_object_array_length(layers); i++)
			strings_add(&record->layers,
				    json_object_get_string(json_object_array_get_idx(layers, i)));
	record->created_ns = json_get_i64(object, "created", 0);
	return take_words(object, record, err);
}

int record_parse(const char *json, size_t size, struct record *ret_record, struct lxcri_error *err)
{
	autorun(record_finish) struct record record = {};
	autojson object = NULL;

	if (json_parse(json, size, &json_limits_config, &object, err) < 0 ||
	    take_members(object, &record, err) < 0) {
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "read a container's record");
	}
	if (json_get_i64(object, "version", 0) > RECORD_VERSION)
		return fail(err, LXCRI_E_STORAGE_ERROR,
			    "the record of container %s is of a later program", record.id);
	*ret_record = record;
	record = (struct record){};
	return 0;
}
