/* SPDX-License-Identifier: MIT */
/* Making, listing and removing volumes. */

#include "engine/volumes/volumes.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/event.h"
#include "engine/inspect.h"
#include "engine/usage.h"
#include "engine/volumes/volume.h"
#include "engine/volumes/volume_draft.h"
#include "engine/volumes/volume_notes.h"
#include "os/path.h"

#include <string.h>

static int check_name(const char *name, struct lxcri_error *err)
{
	return volume_name_is_valid(name) ? 0
					  : fail(err, LXCRI_E_INVALID_ARGUMENT,
						 "\"%.255s\" is not a name for a volume", name);
}

int volumes_get(const struct lxcri_engine *engine, const char *name, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/volumes/%s/" VOLUME_DATA, engine->data, name);
	int there;

	if (check_name(name, err) < 0)
		return -1;
	there = path_exists(path);
	if (there < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, there, "look at %s", path);
	return there ? 0 : fail(err, LXCRI_E_PATH_NOT_FOUND, "no volume is called %s", name);
}

static int check_labels(const char *const *labels, struct strings *ret, struct lxcri_error *err)
{
	for (size_t i = 0; labels && labels[i]; i++) {
		if (labels[i][0] == '=' || labels[i][0] == '\0')
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "label \"%.40s\" has no name",
				    labels[i]);
		if (text_has_control(labels[i]))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "a label has a control character");
		strings_add(ret, labels[i]);
	}
	return 0;
}

static bool is_same(const struct strings *a, const struct strings *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->items[i], b->items[i]) == 0;
	return same;
}

static int check_existing(const struct lxcri_engine *engine, const char *name,
			  const struct strings *labels, struct lxcri_error *err)
{
	autorun(volume_notes_finish) struct volume_notes notes = {};

	if (volume_notes_load(engine->data, name, &notes, err) < 0)
		return -1;
	return is_same(&notes.labels, labels)
		       ? 0
		       : fail(err, LXCRI_E_INVALID_STATE, "there is one, with other labels");
}

static int make(struct lxcri_engine *engine, const char *name, const struct volume_notes *notes,
		struct lxcri_error *err)
{
	autorun(volume_draft_finish) struct volume_draft draft = VOLUME_DRAFT_NULL;
	int r;

	if (volume_draft_open(engine->data, &draft, err) < 0)
		return -1;
	r = volume_notes_save(draft.dir, notes);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write its notes");
	r = volume_draft_commit(&draft, name, VOLUME_NEW, err);
	if (r > 0)
		engine_event(engine, "volume", "create", name, NULL);
	return r == 0 ? check_existing(engine, name, &notes->labels, err) : r < 0 ? -1 : 0;
}

int lxcri_volume_create(struct lxcri_engine *engine, const struct lxcri_volume_options *options,
			char **ret_name, struct lxcri_error *err)
{
	autorun(volume_notes_finish) struct volume_notes notes = { .created_ns = moment_now() };
	autofree char *name = options->name ? xstrdup(options->name) : volume_make_name();

	if (check_name(name, err) < 0 || check_labels(options->labels, &notes.labels, err) < 0)
		return -1;
	/* The directory of data is one with a database: whoever asks what is in use finds one. */
	if (!engine_database(engine, err) || make(engine, name, &notes, err) < 0)
		return fail_while(err, "make the volume %s", name);
	if (ret_name)
		*ret_name = steal(name);
	return 0;
}

/* Who mounts what. */
struct users {
	struct strings names;
	struct strings ids;
};

static void users_finish(struct users *users)
{
	strings_finish(&users->names);
	strings_finish(&users->ids);
}

/* A container that mounts a volume twice, or whose root before does too, counts once. */
static void users_of(const struct users *users, const char *name, struct strings *ids)
{
	for (size_t i = 0; i < users->names.count; i++)
		if (strcmp(users->names.items[i], name) == 0 &&
		    !strings_has(ids, users->ids.items[i]))
			strings_add(ids, users->ids.items[i]);
}

static int read_users(struct lxcri_engine *engine, struct users *users, struct lxcri_error *err)
{
	return usage_read_volume_users(engine, &users->names, &users->ids, err);
}

int volumes_users(struct lxcri_engine *engine, const char *name, struct strings *users,
		  struct lxcri_error *err)
{
	autorun(users_finish) struct users all = {};

	if (read_users(engine, &all, err) < 0)
		return -1;
	users_of(&all, name, users);
	return 0;
}

static const char *const *list_of(const struct strings *strings)
{
	static const char *const none[] = { NULL };

	return strings->items ? (const char *const *)strings->items : none;
}

static int tell(const struct lxcri_engine *engine, const struct users *users, const char *name,
		lxcri_volume_fn each, void *userdata, struct lxcri_error *err)
{
	autorun(volume_notes_finish) struct volume_notes notes = {};
	autorun(strings_finish) struct strings ids = {};
	autofree char *mountpoint = xformat("%s/volumes/%s/" VOLUME_DATA, engine->data, name);
	autofree char *owner = volume_find_owner(engine->data, name);
	int r;

	if (volume_notes_load(engine->data, name, &notes, err) < 0)
		return -1;
	users_of(users, name, &ids);

	const struct lxcri_volume_info info = {
		.name = name,
		.mountpoint = mountpoint,
		.created_ns = notes.created_ns,
		.labels = list_of(&notes.labels),
		.users = list_of(&ids),
		.owner = owner,
		.is_anonymous = volume_is_anonymous(name),
	};

	r = each(userdata, &info);
	return r < 0 ? fail(err, LXCRI_E_SYSTEM, "the listing of volumes was ended") : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Nothing was ever made where there is no directory of data. */
static int has_data(const struct lxcri_engine *engine, struct lxcri_error *err)
{
	int there = path_exists(engine->data);

	return there < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, there, "look at %s",
					   engine->data)
			 : there;
}

int lxcri_volume_list(struct lxcri_engine *engine, lxcri_volume_fn each, void *userdata,
		      struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	autorun(users_finish) struct users users = {};
	int there = has_data(engine, err);

	if (there <= 0)
		return there;
	if (volume_list(engine->data, &names, err) < 0 || read_users(engine, &users, err) < 0)
		return -1;
	if (names.count > 0)
		qsort(names.items, names.count, sizeof(*names.items), compare);
	for (size_t i = 0; i < names.count; i++)
		if (tell(engine, &users, names.items[i], each, userdata, err) < 0)
			return -1;
	return 0;
}

int lxcri_volume_find(struct lxcri_engine *engine, const char *name, lxcri_volume_fn found,
		      void *userdata, struct lxcri_error *err)
{
	autorun(users_finish) struct users users = {};

	if (volumes_get(engine, name, err) < 0 || read_users(engine, &users, err) < 0)
		return -1;
	return tell(engine, &users, name, found, userdata, err);
}

static void add_list(struct json_object *object, const char *key, const char *const *list)
{
	struct json_object *array = json_object_new_array();

	for (; *list; list++)
		json_object_array_add(array, json_object_new_string(*list));
	json_object_object_add(object, key, array);
}

static int describe(void *userdata, const struct lxcri_volume_info *info)
{
	struct json_object *object = userdata;
	struct json_object *labels = json_object_new_object();

	json_set_text(object, "name", info->name);
	json_set_text(object, "mountpoint", info->mountpoint);
	inspect_add_time(object, "created", info->created_ns);
	for (const char *const *label = info->labels; *label; label++) {
		autofree char *key = xstrndup(*label, strcspn(*label, "="));
		const char *value = strchr(*label, '=');

		json_set_text(labels, key, value ? value + 1 : "");
	}
	json_object_object_add(object, "labels", labels);
	json_object_object_add(object, "anonymous", json_object_new_boolean(info->is_anonymous));
	json_set_text(object, "owner", info->owner);
	add_list(object, "users", info->users);
	return 0;
}

int lxcri_volume_inspect_json(struct lxcri_engine *engine, const char *name, char **ret_json,
			      struct lxcri_error *err)
{
	autojson object = json_object_new_object();

	if (lxcri_volume_find(engine, name, describe, object, err) < 0)
		return -1;
	*ret_json = json_format(object);
	return 0;
}

/* Refuses with the names of those who use it. */
static int check_unused(struct lxcri_engine *engine, const char *name, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings users = {};
	autorun(text_finish) struct text list = {};

	if (volumes_users(engine, name, &users, err) < 0)
		return -1;
	for (size_t i = 0; i < users.count; i++)
		text_addf(&list, "%s%s", i > 0 ? ", " : "", users.items[i]);
	return users.count == 0
		       ? 0
		       : fail(err, LXCRI_E_INVALID_STATE,
			      "it is mounted by container %s; delete that first", list.data);
}

int lxcri_volume_remove(struct lxcri_engine *engine, const char *name, struct lxcri_error *err)
{
	autoclose int lock = -1;

	if (volumes_get(engine, name, err) < 0)
		return -1;
	lock = usage_lock(engine, USAGE_ALONE, err);
	if (lock < 0 || volumes_get(engine, name, err) < 0 || check_unused(engine, name, err) < 0 ||
	    volume_remove(engine->data, name, err) < 0)
		return fail_while(err, "remove the volume %s", name);
	engine_event(engine, "volume", "remove", name, NULL);
	return 0;
}
