/* SPDX-License-Identifier: MIT */
/* What the engine remembers of a container, as JSON. */

#include "engine/record.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"

#include <stddef.h>
#include <string.h>

/* The second came with drivers whose files an older program would not find, nor remove, the third
 * with updates, of whose root file systems the same is true, the fourth with containers of Proxmox
 * VE, which it would leave there, and with pods, which it would take for containers. */
#define RECORD_VERSION         4
#define RECORD_VERSION_UPDATES 3
#define RECORD_VERSION_DRIVERS 2
#define RECORD_VERSION_FIRST   1

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
	{ "logId", offsetof(struct record, log_id), false },
	{ "stopSignal", offsetof(struct record, stop_signal), false },
	{ "consoleSocket", offsetof(struct record, console_socket), false },
	{ "restart", offsetof(struct record, restart), false },
	{ "stoppedBoot", offsetof(struct record, stopped_boot), false },
	{ "health", offsetof(struct record, health), false },
	{ "probes", offsetof(struct record, probes), false },
	{ "preStop", offsetof(struct record, pre_stop), false },
	{ "postStart", offsetof(struct record, post_start), false },
	{ "slice", offsetof(struct record, slice), false },
	{ "scope", offsetof(struct record, scope), false },
	{ "networkOf", offsetof(struct record, network_of), false },
	{ "pod", offsetof(struct record, pod), false },
	{ "podOf", offsetof(struct record, pod_of), false },
	{ "driver", offsetof(struct record, driver), false },
	{ "previous", offsetof(struct record, previous), false },
	{ "history", offsetof(struct record, history), false },
	{ "ct", offsetof(struct record, ct), false },
};

static const struct bool_member {
	const char *key;
	size_t offset;
} bool_members[] = {
	{ "terminal", offsetof(struct record, terminal) },
	{ "openStdin", offsetof(struct record, open_stdin) },
	{ "remove", offsetof(struct record, remove) },
	{ "wanted", offsetof(struct record, wanted) },
	{ "isFirst", offsetof(struct record, is_first) },
	{ "networked", offsetof(struct record, networked) },
	{ "isShifted", offsetof(struct record, is_shifted) },
	{ "ownsBundle", offsetof(struct record, owns_bundle) },
};

/* Numbers, with what they are in the record of a program that did not have them. */
static const struct number_member {
	const char *key;
	size_t offset;
	int64_t otherwise;
} number_members[] = {
	{ "created", offsetof(struct record, created_ns), 0 },
	{ "logMaxBytes", offsetof(struct record, log_max_bytes), 10 << 20 },
	{ "logMaxFiles", offsetof(struct record, log_max_files), 3 },
	{ "restarts", offsetof(struct record, restarts), 0 },
	{ "failures", offsetof(struct record, failures), 0 },
	{ "attempted", offsetof(struct record, attempted_ns), 0 },
	{ "revision", offsetof(struct record, revision), 0 },
};

static char **text_slot(const struct record *record, const struct text_member *member)
{
	return (char **)((char *)record + member->offset);
}

static bool *bool_slot(const struct record *record, const struct bool_member *member)
{
	return (bool *)((char *)record + member->offset);
}

static int64_t *number_slot(const struct record *record, const struct number_member *member)
{
	return (int64_t *)((char *)record + member->offset);
}

void record_finish(struct record *record)
{
	for (size_t i = 0; i < ARRAY_LEN(text_members); i++)
		free(*text_slot(record, &text_members[i]));
	strings_finish(&record->layers);
	*record = (struct record){};
}

/* One id taken out of the range stands for itself; those around it keep their places. */
static struct id_extents make_extents(const struct record_ids *ids, uint32_t kept)
{
	struct id_extents extents = {};
	uint32_t below = ids->keep && kept < ids->size ? kept : ids->size;
	const struct id_extent parts[] = {
		{ .inside = 0, .outside = ids->start, .size = below },
		{ .inside = kept, .outside = kept, .size = ids->keep ? 1 : 0 },
		{ .inside = below + 1,
		  .outside = ids->start + below + 1,
		  .size = below < ids->size ? ids->size - below - 1 : 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		(void)id_extents_add(&extents, &parts[i]); /* there is room for three */
	return extents;
}

struct id_map record_id_map(const struct record_ids *ids)
{
	return (struct id_map){ .uids = make_extents(ids, ids->keep_uid),
				.gids = make_extents(ids, ids->keep_gid) };
}

static void add_ids(struct json_object *object, const struct record_ids *ids)
{
	struct json_object *part;

	if (ids->size == 0)
		return;
	part = json_object_new_object();
	json_object_object_add(part, "start", json_object_new_int64(ids->start));
	json_object_object_add(part, "size", json_object_new_int64(ids->size));
	if (ids->keep) {
		json_object_object_add(part, "keepUid", json_object_new_int64(ids->keep_uid));
		json_object_object_add(part, "keepGid", json_object_new_int64(ids->keep_gid));
	}
	json_object_object_add(object, "ids", part);
}

static void take_ids(struct json_object *part, struct record_ids *ids)
{
	if (!part)
		return;
	*ids = (struct record_ids){
		.start = (uint32_t)json_get_i64(part, "start", 0),
		.size = (uint32_t)json_get_i64(part, "size", 0),
		.keep = json_get(part, "keepUid") != NULL,
		.keep_uid = (uint32_t)json_get_i64(part, "keepUid", 0),
		.keep_gid = (uint32_t)json_get_i64(part, "keepGid", 0),
	};
}

static int version_of(const struct record *record)
{
	if (record->type == LXCRI_PROXMOX_LXC || record->pod || record->pod_of)
		return RECORD_VERSION;
	if (record->revision > 0)
		return RECORD_VERSION_UPDATES;
	return !record->driver || strcmp(record->driver, "overlay") == 0 ||
			       strcmp(record->driver, "dir") == 0
		       ? RECORD_VERSION_FIRST
		       : RECORD_VERSION_DRIVERS;
}

char *record_format(const struct record *record)
{
	autojson object = json_object_new_object();
	struct json_object *layers = json_object_new_array();

	json_object_object_add(object, "version", json_object_new_int(version_of(record)));
	for (size_t i = 0; i < ARRAY_LEN(text_members); i++)
		json_set_text(object, text_members[i].key, *text_slot(record, &text_members[i]));
	/* What is as in a record without that member needs none: a list reads all records. */
	for (size_t i = 0; i < ARRAY_LEN(bool_members); i++)
		if (*bool_slot(record, &bool_members[i]))
			json_object_object_add(object, bool_members[i].key,
					       json_object_new_boolean(true));
	json_set_text(object, "type", lxcri_container_type_name(record->type));
	json_set_text(object, "phase", record->phase == RECORD_READY ? "ready" : "creating");
	json_set_text(object, "stdio", record->stdio == LXCRI_STDIO_LOG ? "log" : "inherit");
	for (size_t i = 0; i < ARRAY_LEN(number_members); i++) {
		int64_t number = *number_slot(record, &number_members[i]);

		if (number != number_members[i].otherwise)
			json_object_object_add(object, number_members[i].key,
					       json_object_new_int64(number));
	}
	for (size_t i = 0; i < record->layers.count; i++)
		json_object_array_add(layers, json_object_new_string(record->layers.items[i]));
	if (record->layers.count > 0)
		json_object_object_add(object, "layers", json_object_get(layers));
	json_object_put(layers);
	add_ids(object, &record->ids);
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
	take_ids(json_get(object, "ids"), &record->ids);
	for (size_t i = 0; i < ARRAY_LEN(number_members); i++)
		*number_slot(record, &number_members[i]) =
			json_get_i64(object, number_members[i].key, number_members[i].otherwise);
	return take_words(object, record, err);
}

int record_parse(const char *json, size_t size, struct record *ret_record, struct lxcri_error *err)
{
	autorun(record_finish) struct record record = {};
	autojson object = NULL;

	if (json_parse(json, size, &json_limits_config, &object, err) == 0 &&
	    json_get_i64(object, "version", 0) > RECORD_VERSION)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "its record is of a later program; install the later program again");
	if (!object || take_members(object, &record, err) < 0) {
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "read a container's record");
	}
	*ret_record = record;
	record = (struct record){};
	return 0;
}
