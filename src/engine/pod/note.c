/* SPDX-License-Identifier: MIT */
/* What a pod's record says of it. */

#include "engine/pod/note.h"

#include "base/mem.h"

void pod_note_finish(struct pod_note *note)
{
	for (size_t i = 0; i < note->n_members; i++) {
		free(note->members[i].name);
		free(note->members[i].id);
	}
	free(note->members);
	free(note->name_space);
	free(note->hostname);
	free(note->owner);
	json_free(note->memory);
	json_free(note->labels);
	json_free(note->annotations);
	*note = (struct pod_note){};
}

void pod_note_add(struct pod_note *note, const char *name, const char *id, bool is_first)
{
	note->members = xreallocarray(note->members, note->n_members + 1, sizeof(*note->members));
	note->members[note->n_members++] = (struct pod_member){ .name = xstrdup(name),
								.id = xstrdup(id),
								.is_first = is_first };
}

struct json_object *pod_note_format(const struct pod_note *note)
{
	struct json_object *object = json_object_new_object();
	struct json_object *members = json_object_new_array();

	json_set_text(object, "namespace", note->name_space);
	json_set_text(object, "hostname", note->hostname);
	json_set_text(object, "owner", note->owner);
	json_object_object_add(object, "graceSeconds", json_object_new_int64(note->grace_seconds));
	json_object_object_add(object, "hostNetwork", json_object_new_boolean(note->host_network));
	json_object_object_add(object, "keepIdentity",
			       json_object_new_boolean(note->keep_identity));
	for (size_t i = 0; i < note->n_members; i++) {
		struct json_object *member = json_object_new_object();

		json_set_text(member, "name", note->members[i].name);
		json_set_text(member, "id", note->members[i].id);
		json_object_object_add(member, "init",
				       json_object_new_boolean(note->members[i].is_first));
		json_object_array_add(members, member);
	}
	json_object_object_add(object, "containers", members);
	if (note->memory)
		json_object_object_add(object, "memory", json_object_get(note->memory));
	json_object_object_add(object, "fsGroup", json_object_new_int64(note->fs_group));
	json_object_object_add(object, "labels", json_object_get(note->labels));
	json_object_object_add(object, "annotations", json_object_get(note->annotations));
	return object;
}

static int take_members(const char *id, struct json_object *members, struct pod_note *note,
			struct lxcri_error *err)
{
	for (size_t i = 0; i < json_count(members); i++) {
		struct json_object *member = json_object_array_get_idx(members, i);
		const char *name = json_get_text(member, "name");
		const char *container = json_get_text(member, "id");

		if (!name || !container)
			return fail(err, LXCRI_E_STORAGE_ERROR,
				    "the record of pod %s names a container without a name", id);
		pod_note_add(note, name, container, json_get_bool(member, "init", false));
	}
	return 0;
}

int pod_note_parse(const char *id, struct json_object *object, struct pod_note *ret,
		   struct lxcri_error *err)
{
	autorun(pod_note_finish) struct pod_note note = {};

	note.name_space = xstrdup(json_get_text(object, "namespace"));
	note.hostname = xstrdup(json_get_text(object, "hostname"));
	note.owner = xstrdup(json_get_text(object, "owner"));
	note.grace_seconds = (unsigned int)json_get_u64(object, "graceSeconds", 0);
	note.host_network = json_get_bool(object, "hostNetwork", false);
	note.keep_identity = json_get_bool(object, "keepIdentity", false);
	note.memory = json_object_get(json_get(object, "memory"));
	note.fs_group = json_get_i64(object, "fsGroup", -1);
	note.labels = json_object_get(json_get(object, "labels"));
	note.annotations = json_object_get(json_get(object, "annotations"));
	if (!note.name_space || !note.hostname)
		return fail(err, LXCRI_E_STORAGE_ERROR, "the record of pod %s is incomplete", id);
	if (take_members(id, json_get(object, "containers"), &note, err) < 0)
		return -1;
	*ret = note;
	note = (struct pod_note){};
	return 0;
}

static bool glance_at_container(const struct json_slice *object, struct pod_note *note)
{
	enum { NAME, ID, INIT, KEYS };
	static const char *const keys[KEYS] = { [NAME] = "name", [ID] = "id", [INIT] = "init" };
	struct json_slice values[KEYS];
	struct lxcri_error told_later;
	autofree char *name = NULL;
	autofree char *id = NULL;

	if (json_pick(object, keys, KEYS, values, &told_later) < 0 ||
	    !json_slice_text(&values[NAME], &name) || !json_slice_text(&values[ID], &id) || !name ||
	    !id)
		return false;
	pod_note_add(note, name, id, json_slice_compare(&values[INIT], "true") == 0);
	return true;
}

static bool glance_at_containers(const struct json_slice *array, struct pod_note *note)
{
	autorun(json_walk_finish) struct json_walk walk =
		JSON_WALK(array->text, array->length, &json_limits_config);
	struct lxcri_error told_later;
	struct json_slice object;
	int r;

	while ((r = json_walk_item(&walk, &told_later)) > 0)
		if (json_walk_pass(&walk, &object, &told_later) < 0 ||
		    !glance_at_container(&object, note))
			return false;
	return r == 0;
}

static bool glance_at_sum(const struct json_slice *annotations, char **ret)
{
	static const char *const key = POD_MANIFEST_SUM;
	struct json_slice sum = {};
	struct lxcri_error told_later;

	return (annotations->length == 0 ||
		json_pick(annotations, &key, 1, &sum, &told_later) == 0) &&
	       json_slice_text(&sum, ret);
}

bool pod_note_glance(const struct json_slice *json, struct pod_note *ret, char **ret_manifest)
{
	enum { NAMESPACE, HOSTNAME, OWNER, CONTAINERS, ANNOTATIONS, KEYS };
	static const char *const keys[KEYS] = {
		[NAMESPACE] = "namespace",   [HOSTNAME] = "hostname",       [OWNER] = "owner",
		[CONTAINERS] = "containers", [ANNOTATIONS] = "annotations",
	};
	autorun(pod_note_finish) struct pod_note note = {};
	struct json_slice values[KEYS];
	struct lxcri_error told_later;

	if (json_pick(json, keys, KEYS, values, &told_later) < 0 ||
	    !json_slice_text(&values[NAMESPACE], &note.name_space) ||
	    !json_slice_text(&values[HOSTNAME], &note.hostname) ||
	    !json_slice_text(&values[OWNER], &note.owner) || !note.name_space || !note.hostname ||
	    values[CONTAINERS].length == 0 || !glance_at_containers(&values[CONTAINERS], &note) ||
	    !glance_at_sum(&values[ANNOTATIONS], ret_manifest))
		return false;
	*ret = note;
	note = (struct pod_note){};
	return true;
}
