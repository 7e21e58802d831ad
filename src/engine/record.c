/* SPDX-License-Identifier: MIT */
/* What the engine remembers of a container, as JSON. */

#include "engine/record.h"

#include "base/json_walk.h"
#include "base/mem.h"
#include "base/scope.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The second came with drivers whose files an older program would not find, nor remove, the third
 * with updates, of whose root file systems the same is true, the fourth with containers of Proxmox
 * VE, which it would leave there, and with pods, which it would take for containers. In the fifth
 * what a pod is is an object: it was JSON in a text, which a list of pods read twice. */
#define RECORD_VERSION         5
#define RECORD_VERSION_PODS    4
#define RECORD_VERSION_UPDATES 3
#define RECORD_VERSION_DRIVERS 2
#define RECORD_VERSION_FIRST   1

enum member_kind {
	MEMBER_TEXT,
	MEMBER_TRUTH,
	MEMBER_NUMBER,
	MEMBER_TYPE,
	MEMBER_PHASE,
	MEMBER_STDIO,
	MEMBER_IDS,
	MEMBER_LAYERS,
	MEMBER_POD,
};

/* What every record has. */
#define MEMBERS_NEEDED (1u << MEMBER_TYPE | 1u << MEMBER_PHASE | 1u << MEMBER_STDIO)

/* The members but the version, ordered by their key. */
static const struct member {
	const char *key;
	enum member_kind kind;
	size_t offset;
} members[] = {
	{ "attempted", MEMBER_NUMBER, offsetof(struct record, attempted_ns) },
	{ "bundle", MEMBER_TEXT, offsetof(struct record, bundle) },
	{ "consoleSocket", MEMBER_TEXT, offsetof(struct record, console_socket) },
	{ "created", MEMBER_NUMBER, offsetof(struct record, created_ns) },
	{ "ct", MEMBER_TEXT, offsetof(struct record, ct) },
	{ "digest", MEMBER_TEXT, offsetof(struct record, digest) },
	{ "driver", MEMBER_TEXT, offsetof(struct record, driver) },
	{ "failures", MEMBER_NUMBER, offsetof(struct record, failures) },
	{ "health", MEMBER_TEXT, offsetof(struct record, health) },
	{ "history", MEMBER_TEXT, offsetof(struct record, history) },
	{ "id", MEMBER_TEXT, offsetof(struct record, id) },
	{ "ids", MEMBER_IDS, offsetof(struct record, ids) },
	{ "image", MEMBER_TEXT, offsetof(struct record, image) },
	{ "isFirst", MEMBER_TRUTH, offsetof(struct record, is_first) },
	{ "isShifted", MEMBER_TRUTH, offsetof(struct record, is_shifted) },
	{ "layers", MEMBER_LAYERS, offsetof(struct record, layers) },
	{ "logId", MEMBER_TEXT, offsetof(struct record, log_id) },
	{ "logMaxBytes", MEMBER_NUMBER, offsetof(struct record, log_max_bytes) },
	{ "logMaxFiles", MEMBER_NUMBER, offsetof(struct record, log_max_files) },
	{ "logPath", MEMBER_TEXT, offsetof(struct record, log_path) },
	{ "networkOf", MEMBER_TEXT, offsetof(struct record, network_of) },
	{ "networked", MEMBER_TRUTH, offsetof(struct record, networked) },
	{ "openStdin", MEMBER_TRUTH, offsetof(struct record, open_stdin) },
	{ "ownsBundle", MEMBER_TRUTH, offsetof(struct record, owns_bundle) },
	{ "phase", MEMBER_PHASE, offsetof(struct record, phase) },
	{ "pod", MEMBER_POD, offsetof(struct record, pod) },
	{ "podOf", MEMBER_TEXT, offsetof(struct record, pod_of) },
	{ "postStart", MEMBER_TEXT, offsetof(struct record, post_start) },
	{ "preStop", MEMBER_TEXT, offsetof(struct record, pre_stop) },
	{ "previous", MEMBER_TEXT, offsetof(struct record, previous) },
	{ "probes", MEMBER_TEXT, offsetof(struct record, probes) },
	{ "remove", MEMBER_TRUTH, offsetof(struct record, remove) },
	{ "restart", MEMBER_TEXT, offsetof(struct record, restart) },
	{ "restarts", MEMBER_NUMBER, offsetof(struct record, restarts) },
	{ "revision", MEMBER_NUMBER, offsetof(struct record, revision) },
	{ "runtimePath", MEMBER_TEXT, offsetof(struct record, runtime_path) },
	{ "scope", MEMBER_TEXT, offsetof(struct record, scope) },
	{ "slice", MEMBER_TEXT, offsetof(struct record, slice) },
	{ "stdio", MEMBER_STDIO, offsetof(struct record, stdio) },
	{ "stopSignal", MEMBER_TEXT, offsetof(struct record, stop_signal) },
	{ "stoppedBoot", MEMBER_TEXT, offsetof(struct record, stopped_boot) },
	{ "terminal", MEMBER_TRUTH, offsetof(struct record, terminal) },
	{ "type", MEMBER_TYPE, offsetof(struct record, type) },
	{ "wanted", MEMBER_TRUTH, offsetof(struct record, wanted) },
};

/* What is in the record of a program that did not have it yet: what is not here, is zero. */
static const struct record otherwise = { .log_max_bytes = 10 << 20, .log_max_files = 3 };

static void *slot(const struct record *record, const struct member *member)
{
	return (char *)record + member->offset;
}

static char **text_slot(const struct record *record, const struct member *member)
{
	return slot(record, member);
}

void record_finish(struct record *record)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (members[i].kind == MEMBER_TEXT)
			free(*text_slot(record, &members[i]));
	strings_finish(&record->layers);
	json_free(record->pod);
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

static void add_ids(struct json_object *object, const char *key, const struct record_ids *ids)
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
	json_object_object_add(object, key, part);
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
	if (record->pod)
		return RECORD_VERSION;
	if (record->type == LXCRI_PROXMOX_LXC || record->pod_of)
		return RECORD_VERSION_PODS;
	if (record->revision > 0)
		return RECORD_VERSION_UPDATES;
	return !record->driver || strcmp(record->driver, "overlay") == 0 ||
			       strcmp(record->driver, "dir") == 0
		       ? RECORD_VERSION_FIRST
		       : RECORD_VERSION_DRIVERS;
}

/* What is as in a record without that member needs none: a list reads all records. */
static void add_member(struct json_object *object, const struct record *record,
		       const struct member *member)
{
	const void *value = slot(record, member);

	switch (member->kind) {
	case MEMBER_TEXT:
		json_set_text(object, member->key, *text_slot(record, member));
		break;
	case MEMBER_TRUTH:
		if (*(const bool *)value)
			json_object_object_add(object, member->key, json_object_new_boolean(true));
		break;
	case MEMBER_NUMBER:
		if (*(const int64_t *)value != *(const int64_t *)slot(&otherwise, member))
			json_object_object_add(object, member->key,
					       json_object_new_int64(*(const int64_t *)value));
		break;
	case MEMBER_TYPE:
		json_set_text(object, member->key, lxcri_container_type_name(record->type));
		break;
	case MEMBER_PHASE:
		json_set_text(object, member->key,
			      record->phase == RECORD_READY ? "ready" : "creating");
		break;
	case MEMBER_STDIO:
		json_set_text(object, member->key,
			      record->stdio == LXCRI_STDIO_LOG ? "log" : "inherit");
		break;
	case MEMBER_IDS:
		add_ids(object, member->key, &record->ids);
		break;
	case MEMBER_LAYERS:
		if (record->layers.count > 0)
			json_object_object_add(object, member->key,
					       json_from_texts(&record->layers));
		break;
	case MEMBER_POD:
		if (record->pod)
			json_object_object_add(object, member->key, json_object_get(record->pod));
		break;
	}
}

char *record_format(const struct record *record)
{
	autojson object = json_object_new_object();

	json_object_object_add(object, "version", json_object_new_int(version_of(record)));
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		add_member(object, record, &members[i]);
	return json_format_line(object);
}

/* What a pod is was written in a text before the fifth version. */
static int take_pod(struct json_object *pod, struct record *record, struct lxcri_error *err)
{
	json_free(record->pod);
	record->pod = NULL;
	if (!json_object_is_type(pod, json_type_string)) {
		record->pod = json_object_get(pod);
		return 0;
	}
	return json_parse(json_object_get_string(pod), (size_t)json_object_get_string_len(pod),
			  &json_limits_config, &record->pod, err);
}

static int take_nested(const struct member *member, struct json_walk *walk, struct record *record,
		       struct lxcri_error *err)
{
	autojson made = NULL;

	if (json_walk_make(walk, &made, err) < 0)
		return -1;
	if (member->kind == MEMBER_POD)
		return take_pod(made, record, err);
	if (member->kind == MEMBER_IDS)
		take_ids(made, &record->ids);
	else
		json_take_texts(made, &record->layers);
	return 0;
}

/* Returns NULL for what is no text. */
static char *copy(const struct json_plain *value)
{
	return value->type == json_type_string ? xstrndup(value->text.text, value->text.length)
					       : NULL;
}

static int take_type(const struct json_plain *value, struct record *record, struct lxcri_error *err)
{
	autofree char *name = copy(value);

	if (lxcri_container_type_parse(name, &record->type, err) == 0)
		return 0;
	err->code = LXCRI_E_STORAGE_ERROR; /* of a later program's record nothing but the version is
					      read */
	return -1;
}

static int take_plain(const struct member *member, const struct json_plain *value,
		      struct record *record, struct lxcri_error *err)
{
	void *place = slot(record, member);

	switch (member->kind) {
	case MEMBER_TEXT:
		free(*text_slot(record, member));
		*text_slot(record, member) = copy(value);
		break;
	case MEMBER_TRUTH:
		*(bool *)place = value->type == json_type_boolean && value->number;
		break;
	case MEMBER_NUMBER:
		if (value->type == json_type_int)
			*(int64_t *)place = value->number;
		break;
	case MEMBER_TYPE:
		return take_type(value, record, err);
	case MEMBER_PHASE:
		record->phase = json_plain_says(value, "ready") ? RECORD_READY : RECORD_CREATING;
		break;
	case MEMBER_STDIO:
		record->stdio =
			json_plain_says(value, "log") ? LXCRI_STDIO_LOG : LXCRI_STDIO_INHERIT;
		break;
	case MEMBER_IDS:
	case MEMBER_LAYERS:
	case MEMBER_POD:
		break; /* not plain */
	}
	return 0;
}

static int compare_key(const void *key, const void *member)
{
	return json_slice_compare(key, ((const struct member *)member)->key);
}

static int take_member(const struct member *member, struct json_walk *walk, struct record *record,
		       struct lxcri_error *err)
{
	struct json_plain value;

	if (member->kind == MEMBER_IDS || member->kind == MEMBER_LAYERS ||
	    member->kind == MEMBER_POD)
		return take_nested(member, walk, record, err);
	if (json_walk_read(walk, &value, err) < 0)
		return -1;
	if (MEMBERS_NEEDED & 1u << member->kind && value.type != json_type_string)
		return fail(err, LXCRI_E_STORAGE_ERROR, "%s is no text", member->key);
	return take_plain(member, &value, record, err);
}

/* The version comes first: of a later program nothing else need be understood. */
static int check_version(struct json_walk *walk, struct lxcri_error *err)
{
	struct json_plain version;

	if (json_walk_read(walk, &version, err) < 0)
		return -1;
	return version.number > RECORD_VERSION
		       ? fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			      "its record is of a later program; install the later program again")
		       : 0;
}

/* One walk over what is there: most of what could be is not. */
static int take_members(struct json_walk *walk, struct record *record, struct lxcri_error *err)
{
	unsigned int seen = 0;
	struct json_slice key;
	int r;

	*record = otherwise;
	while ((r = json_walk_next(walk, &key, err)) > 0) {
		const struct member *member =
			bsearch(&key, members, ARRAY_LEN(members), sizeof(*members), compare_key);

		if (json_slice_compare(&key, "version") == 0 && check_version(walk, err) < 0)
			return -1;
		if (member && take_member(member, walk, record, err) < 0)
			return -1;
		if (member)
			seen |= 1u << member->kind;
	}
	if (r < 0)
		return -1;
	if (!record->id || !record->bundle)
		return fail(err, LXCRI_E_STORAGE_ERROR, "%s is missing",
			    record->id ? "bundle" : "id");
	return (seen & MEMBERS_NEEDED) == MEMBERS_NEEDED
		       ? 0
		       : fail(err, LXCRI_E_STORAGE_ERROR, "type, phase or stdio is missing");
}

int record_parse(const char *json, size_t size, struct record *ret_record, struct lxcri_error *err)
{
	autorun(record_finish) struct record record = {};
	autorun(json_walk_finish) struct json_walk walk =
		JSON_WALK(json, size, &json_limits_config);

	if (take_members(&walk, &record, err) < 0) {
		if (err->code == LXCRI_E_UNSUPPORTED_OPERATION)
			return -1;
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "read a container's record");
	}
	*ret_record = record;
	record = (struct record){};
	return 0;
}

bool record_glance(const char *json, size_t size, struct record_brief *ret)
{
	enum {
		VERSION,
		TYPE,
		PHASE,
		CREATED,
		RESTARTS,
		POD,
		POD_OF,
		HEALTH,
		PROBES,
		POST_START,
		KEYS
	};
	static const char *const keys[KEYS] = {
		[VERSION] = "version",      [TYPE] = "type",         [PHASE] = "phase",
		[CREATED] = "created",      [RESTARTS] = "restarts", [POD] = "pod",
		[POD_OF] = "podOf",         [HEALTH] = "health",     [PROBES] = "probes",
		[POST_START] = "postStart",
	};
	const struct json_slice object = { json, size };
	struct json_slice values[KEYS];
	struct lxcri_error told_later;
	autofree char *type = NULL;

	if (json_pick(&object, keys, KEYS, values, &told_later) < 0 ||
	    json_slice_compare(&values[PHASE], "\"ready\"") != 0 ||
	    json_slice_number(&values[VERSION]) > RECORD_VERSION ||
	    !json_slice_text(&values[TYPE], &type) || !type ||
	    lxcri_container_type_parse(type, &ret->type, &told_later) < 0)
		return false;
	ret->created_ns = json_slice_number(&values[CREATED]);
	ret->restarts = json_slice_number(&values[RESTARTS]);
	ret->pod = values[POD];
	ret->is_simple =
		ret->type != LXCRI_PROXMOX_LXC && values[POD_OF].length > 0 &&
		values[HEALTH].length + values[PROBES].length + values[POST_START].length == 0;
	return true;
}
