/* SPDX-License-Identifier: MIT */
/* Showing what was applied. */

#include "base/mem.h"
#include "engine/network/rows.h"
#include "engine/pod/pod.h"
#include "engine/workload/converge.h"
#include "engine/workload/endpoints.h"
#include "engine/workload/service.h"
#include "lxcri/workload/manifest.h"

#include <string.h>

/* A pod of what was applied. */
struct owned_pod {
	char *id;
	char *owner;
	char *manifest; /* as in its state */
	bool is_ready;
};

/* All of them, ordered by owner, then by id. */
struct owned_pods {
	struct owned_pod *items;
	size_t count;
};

struct getting {
	struct lxcri_engine *engine;
	struct json_object *array;
	struct owned_pods pods;
};

static void owned_pods_finish(struct owned_pods *pods)
{
	for (size_t i = 0; i < pods->count; i++) {
		free(pods->items[i].id);
		free(pods->items[i].owner);
		free(pods->items[i].manifest);
	}
	free(pods->items);
	*pods = (struct owned_pods){};
}

static int note_pod(void *userdata, const struct lxcri_pod_state *state)
{
	struct owned_pods *pods = userdata;

	if (!state->owner)
		return 0;
	if ((pods->count & (pods->count - 1)) == 0) /* full at each power of two */
		pods->items = xreallocarray(pods->items, pods->count ? 2 * pods->count : 1,
					    sizeof(*pods->items));
	pods->items[pods->count++] = (struct owned_pod){ .id = xstrdup(state->id),
							 .owner = xstrdup(state->owner),
							 .manifest = xstrdup(state->manifest),
							 .is_ready = pod_is_ready(state) };
	return 0;
}

static int compare_pods(const void *a, const void *b)
{
	const struct owned_pod *left = a;
	const struct owned_pod *right = b;
	int r = strcmp(left->owner, right->owner);

	return r != 0 ? r : strcmp(left->id, right->id);
}

static int find_pods(struct lxcri_engine *engine, struct owned_pods *ret, struct lxcri_error *err)
{
	if (lxcri_pod_list(engine, note_pod, ret, err) < 0)
		return -1;
	if (ret->count > 0)
		qsort(ret->items, ret->count, sizeof(*ret->items), compare_pods);
	return 0;
}

/* Returns the place of the first pod of @owner, or where it would be. */
static size_t find_first(const struct owned_pods *pods, const char *owner)
{
	size_t low = 0;
	size_t high = pods->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(pods->items[middle].owner, owner) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_pods(const struct owned_pods *pods, const struct object *object,
		     struct json_object *status)
{
	autofree char *owner = shelf_owner(object);
	autofree char *sum = converge_sum(object);
	struct json_object *ids = json_get(status, "pods");
	int64_t ready = 0, updated = 0, updated_ready = 0;

	for (size_t i = find_first(pods, owner); i < pods->count; i++) {
		const struct owned_pod *pod = &pods->items[i];
		bool is_updated = pod->manifest && strcmp(pod->manifest, sum) == 0;

		if (strcmp(pod->owner, owner) != 0)
			break;
		json_object_array_add(ids, json_object_new_string(pod->id));
		ready += pod->is_ready;
		updated += is_updated;
		updated_ready += is_updated && pod->is_ready;
	}
	json_object_object_add(status, "readyReplicas", json_object_new_int64(ready));
	json_object_object_add(status, "updatedReplicas", json_object_new_int64(updated));
	json_object_object_add(status, "updatedReadyReplicas",
			       json_object_new_int64(updated_ready));
}

static void set_ports(struct json_object *spec, const struct service_row *row)
{
	struct json_object *ports = json_get(spec, "ports");

	for (size_t i = 0; i < json_count(ports) && i < row->n_ports; i++)
		if (row->ports[i].node_port)
			json_object_object_add(json_object_array_get_idx(ports, i), "nodePort",
					       json_object_new_int(row->ports[i].node_port));
}

/* What was chosen for a service is shown where it could be asked for. */
static void set_addresses(struct json_object *spec, const struct service_row *row)
{
	struct json_object *addresses = json_object_new_array();
	char text[ADDRESS_TEXT_MAX];

	for (int i = 0; i < 2; i++)
		if (row->addresses[i].family)
			json_object_array_add(addresses, json_object_new_string(address_format(
								 &row->addresses[i], text)));
	json_set_text(spec, "clusterIP",
		      json_object_get_string(json_object_array_get_idx(addresses, 0)));
	json_object_object_add(spec, "clusterIPs", addresses);
}

/* A member that is led to: one that is ready, or any where that does not matter. */
static int add_endpoint(struct lxcri_engine *engine, const struct member_row *member,
			struct json_object *endpoints, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list list = {};
	char text[ADDRESS_TEXT_MAX];

	if (endpoint_list_read(engine->database, member->container, member->network, &list, err) <
	    0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		for (int k = 0; list.items[i].interface && k < 2; k++)
			if (list.items[i].addresses[k].family)
				json_object_array_add(endpoints,
						      json_object_new_string(address_format(
							      &list.items[i].addresses[k], text)));
	return 0;
}

static int add_service_status(struct lxcri_engine *engine, const struct object *object,
			      struct json_object *document, struct lxcri_error *err)
{
	autorun(service_row_finish) struct service_row row = {};
	autorun(member_list_finish) struct member_list members = {};
	struct json_object *status = json_get(document, "status");
	struct json_object *endpoints = json_object_new_array();
	int found = service_find(engine, object, &row, err);

	json_object_object_add(status, "endpoints", endpoints);
	if (found <= 0 || !service_row_is_virtual(&row))
		return found < 0 ? -1 : 0;
	set_addresses(json_get(document, "spec"), &row);
	set_ports(json_get(document, "spec"), &row);
	if (member_list_read_service(engine->database, &row, &members, err) < 0)
		return -1;
	for (size_t i = 0; i < members.count; i++) {
		json_object_array_add(json_get(status, "pods"),
				      json_object_new_string(members.items[i].container));
		if ((members.items[i].is_ready || row.unready) &&
		    add_endpoint(engine, &members.items[i], endpoints, err) < 0)
			return -1;
	}
	return 0;
}

static int add_status(const struct getting *getting, const struct object *object, int64_t revision,
		      struct json_object *document, struct lxcri_error *err)
{
	struct json_object *status = json_object_new_object();

	json_object_object_add(document, "status", status);
	json_object_object_add(status, "revision", json_object_new_int64(revision));
	json_object_object_add(status, "pods", json_object_new_array());
	if (object->service)
		return add_service_status(getting->engine, object, document, err);
	if (object->pod || object->set)
		add_pods(&getting->pods, object, status);
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
	return add_status(getting, &object, revision, copy, err);
}

int lxcri_manifest_get_json(struct lxcri_engine *engine, const char *kind, const char *name_space,
			    const char *name, char **ret_json, struct lxcri_error *err)
{
	autojson array = json_object_new_array();
	struct getting getting = { .engine = engine, .array = array };
	struct object_key key = { .name_space = name_space, .name = name };
	struct database *database = NULL;
	enum object_kind number = OBJECT_POD;
	int r = 0;

	if (endpoints_are_meant(kind)) {
		if (endpoints_get(engine, name_space, name, array, err) < 0)
			return -1;
		if (name && json_count(array) == 0)
			return shelf_no_such("Endpoints", name, err);
		*ret_json = json_format(array);
		return 0;
	}
	if (kind && object_kind_parse(kind, &number, err) < 0)
		return -1;
	key.kind = kind ? object_kind_name(number) : NULL;
	if (database_exists(engine->data)) {
		database = engine_database(engine, err);
		/* Of all objects at once: the kinds before have none. */
		r = !database || (number >= OBJECT_POD && find_pods(engine, &getting.pods, err) < 0)
			    ? -1
			    : objects_each(database, &key, get, &getting, err);
		owned_pods_finish(&getting.pods);
	}
	if (r < 0)
		return -1;
	if (name && json_count(array) == 0)
		return shelf_no_such(key.kind ? key.kind : "object", name, err);
	*ret_json = json_format(array);
	return 0;
}
