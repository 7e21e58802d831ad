/* SPDX-License-Identifier: MIT */
/* Showing what was applied. */

#include "base/mem.h"
#include "engine/pod/pod.h"
#include "engine/workload/converge.h"
#include "lxcri/workload/manifest.h"

#include <string.h>

struct getting {
	struct lxcri_engine *engine;
	struct json_object *array;
};

static int add_pod(void *userdata, const struct lxcri_pod_state *state)
{
	json_object_array_add(userdata, json_object_new_string(state->id));
	return 0;
}

struct counting {
	const char *owner;
	const char *sum; /* of what is wanted */
	struct json_object *pods;
	int64_t ready, updated, updated_ready;
};

static int count_pod(void *userdata, const struct lxcri_pod_state *state)
{
	struct counting *counting = userdata;

	if (!state->owner || strcmp(state->owner, counting->owner) != 0)
		return 0;
	counting->ready += pod_is_ready(state);
	if (state->manifest && strcmp(state->manifest, counting->sum) == 0) {
		counting->updated++;
		counting->updated_ready += pod_is_ready(state);
	}
	return add_pod(counting->pods, state);
}

static int add_status(struct lxcri_engine *engine, const struct object *object, int64_t revision,
		      struct json_object *document, struct lxcri_error *err)
{
	autofree char *owner = shelf_owner(object);
	struct json_object *status = json_object_new_object();
	autofree char *sum = object->pod || object->set ? converge_sum(object) : NULL;
	struct counting counting = { .owner = owner, .sum = sum, .pods = json_object_new_array() };

	json_object_object_add(document, "status", status);
	json_object_object_add(status, "revision", json_object_new_int64(revision));
	json_object_object_add(status, "pods", counting.pods);
	if (!object->pod && !object->set)
		return 0;
	if (lxcri_pod_list(engine, count_pod, &counting, err) < 0)
		return -1;
	json_object_object_add(status, "readyReplicas", json_object_new_int64(counting.ready));
	json_object_object_add(status, "updatedReplicas", json_object_new_int64(counting.updated));
	json_object_object_add(status, "updatedReadyReplicas",
			       json_object_new_int64(counting.updated_ready));
	return 0;
}

static int get(void *userdata, const struct object_key *key, const char *document, int64_t revision,
	       struct lxcri_error *err)
{
	struct getting *getting = userdata;
	autorun(object_finish) struct object object = {};
	struct json_object *copy;

	if (shelf_parse(document, &object, err) < 0)
		return -1;
	copy = json_object_get(object.document);
	json_object_array_add(getting->array, copy);
	return add_status(getting->engine, &object, revision, copy, err);
}

int lxcri_manifest_get_json(struct lxcri_engine *engine, const char *kind, const char *name_space,
			    const char *name, char **ret_json, struct lxcri_error *err)
{
	autojson array = json_object_new_array();
	struct getting getting = { engine, array };
	struct object_key key = { .name_space = name_space, .name = name };
	struct database *database = NULL;
	enum object_kind number = OBJECT_POD;

	if (kind && object_kind_parse(kind, &number, err) < 0)
		return -1;
	key.kind = kind ? object_kind_name(number) : NULL;
	if (database_exists(engine->data)) {
		database = engine_database(engine, err);
		if (!database || objects_each(database, &key, get, &getting, err) < 0)
			return -1;
	}
	if (name && json_count(array) == 0)
		return shelf_no_such(key.kind ? key.kind : "object", name, err);
	*ret_json = json_format(array);
	return 0;
}
