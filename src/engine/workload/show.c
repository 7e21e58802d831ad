/* SPDX-License-Identifier: MIT */
/* Showing what was applied. */

#include "base/mem.h"
#include "engine/network/rows.h"
#include "engine/pod/pod.h"
#include "engine/workload/service.h"
#include "engine/workload/shelf.h"
#include "lxcri/workload/manifest.h"

#include <string.h>

/* A pod of what was applied. */
struct owned_pod {
	char *id;
	char *owner;
	bool is_ready;
};

/* All of them, ordered by owner, then by id. */
struct owned_pods {
	struct owned_pod *items;
	size_t count;
};

struct getting {
	struct lxcri_engine *engine;
	struct owned_pods pods;
	size_t count; /* of objects */
	struct json_object *array;
	lxcri_object_fn each;
	void *userdata;
};

static void owned_pods_finish(struct owned_pods *pods)
{
	for (size_t i = 0; i < pods->count; i++) {
		free(pods->items[i].id);
		free(pods->items[i].owner);
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
	pods->items[pods->count++] = (struct owned_pod){
		.id = xstrdup(state->id),
		.owner = xstrdup(state->owner),
		.is_ready =
			state->status == LXCRI_POD_RUNNING && state->n_ready == state->n_containers,
	};
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

static bool has_pods(const char *kind)
{
	return strcmp(kind, object_kind_name(OBJECT_POD)) == 0 ||
	       strcmp(kind, object_kind_name(OBJECT_DEPLOYMENT)) == 0 ||
	       strcmp(kind, object_kind_name(OBJECT_STATEFUL_SET)) == 0;
}

/* Fills in the pods of an object; @ids are to stay as long as the state is used. */
static void look(const struct owned_pods *pods, const struct object_key *key, struct strings *ids,
		 struct lxcri_object_state *state)
{
	autofree char *owner = xformat("%s/%s/%s", key->kind, key->name_space, key->name);

	for (size_t i = find_first(pods, owner);
	     i < pods->count && strcmp(pods->items[i].owner, owner) == 0; i++) {
		strings_add(ids, pods->items[i].id);
		state->ready += pods->items[i].is_ready;
	}
	state->pods = (const char *const *)ids->items;
}

static struct json_object *make_status(const struct lxcri_object_state *state)
{
	struct json_object *status = json_object_new_object();
	struct json_object *ids = json_object_new_array();

	json_object_object_add(status, "revision", json_object_new_int64(state->revision));
	json_object_object_add(status, "pods", ids);
	for (size_t i = 0; state->pods && state->pods[i]; i++)
		json_object_array_add(ids, json_object_new_string(state->pods[i]));
	if (has_pods(state->kind))
		json_object_object_add(status, "readyReplicas",
				       json_object_new_int64((int64_t)state->ready));
	return status;
}

static int parse(const char *text, struct json_object **ret, struct lxcri_error *err)
{
	if (json_parse(text, strlen(text), &json_limits_spec, ret, err) == 0)
		return 0;
	err->code = LXCRI_E_STORAGE_ERROR;
	return fail_while(err, "read what was applied");
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

static int complete_service(struct lxcri_engine *engine, const char *text,
			    struct json_object *document, struct lxcri_error *err)
{
	autorun(object_finish) struct object object = {};

	return shelf_parse(text, &object, err) < 0
		       ? -1
		       : add_service_status(engine, &object, document, err);
}

static bool is_service(const struct object_key *key)
{
	return strcmp(key->kind, object_kind_name(OBJECT_SERVICE)) == 0;
}

static int get(void *userdata, const struct object_key *key, const char *text, int64_t revision,
	       struct lxcri_error *err)
{
	struct getting *getting = userdata;
	struct lxcri_object_state state = { .kind = key->kind, .revision = revision };
	autorun(strings_finish) struct strings ids = {};
	struct json_object *document = NULL;

	if (parse(text, &document, err) < 0)
		return -1;
	look(&getting->pods, key, &ids, &state);
	json_object_object_add(document, "status", make_status(&state));
	json_object_array_add(getting->array, document);
	getting->count++;
	return is_service(key) ? complete_service(getting->engine, text, document, err) : 0;
}

/* Only of sets the document says how many pods they are to have. */
static int count_wanted(const char *kind, const char *text, int64_t *ret, struct lxcri_error *err)
{
	autojson document = NULL;

	*ret = !has_pods(kind) ? -1 : 1;
	if (*ret < 0 || strcmp(kind, object_kind_name(OBJECT_POD)) == 0)
		return 0;
	if (parse(text, &document, err) < 0)
		return -1;
	*ret = json_get_i64(json_get(document, "spec"), "replicas", 1);
	return 0;
}

static int list(void *userdata, const struct object_key *key, const char *text, int64_t revision,
		struct lxcri_error *err)
{
	struct getting *getting = userdata;
	struct lxcri_object_state state = { .kind = key->kind,
					    .name_space = key->name_space,
					    .name = key->name,
					    .revision = revision };
	autorun(strings_finish) struct strings ids = {};

	getting->count++;
	if (!getting->each)
		return 0; /* it wants no more */
	if (count_wanted(key->kind, text, &state.wanted, err) < 0)
		return -1;
	look(&getting->pods, key, &ids, &state);
	if (getting->each(getting->userdata, &state) < 0)
		getting->each = NULL;
	return 0;
}

/* Reads the objects, and the pods that there are, each once. */
static int each_object(struct lxcri_engine *engine, const struct object_key *wanted,
		       object_row_fn take, struct getting *getting, struct lxcri_error *err)
{
	struct object_key key = *wanted;
	enum object_kind number = OBJECT_POD;
	int r = 0;

	if (key.kind && object_kind_parse(key.kind, &number, err) < 0)
		return -1;
	if (key.kind)
		key.kind = object_kind_name(number);
	if (database_exists(engine->data)) {
		struct database *database = engine_database(engine, err);

		r = database ? 0 : -1;
		if (r == 0 && (!key.kind || has_pods(key.kind)))
			r = find_pods(engine, &getting->pods, err);
		if (r == 0)
			r = objects_each(database, &key, take, getting, err);
	}
	owned_pods_finish(&getting->pods);
	if (r < 0)
		return -1;
	return key.name && getting->count == 0
		       ? shelf_no_such(key.kind ? key.kind : "object", key.name, err)
		       : 0;
}

int lxcri_manifest_list(struct lxcri_engine *engine, const struct lxcri_object_filter *filter,
			lxcri_object_fn each, void *userdata, struct lxcri_error *err)
{
	const struct object_key key = { filter->kind, filter->name_space, filter->name };
	struct getting getting = { .engine = engine, .each = each, .userdata = userdata };

	return each_object(engine, &key, list, &getting, err);
}

int lxcri_manifest_get_json(struct lxcri_engine *engine, const char *kind, const char *name_space,
			    const char *name, char **ret_json, struct lxcri_error *err)
{
	autojson array = json_object_new_array();
	const struct object_key key = { kind, name_space, name };
	struct getting getting = { .engine = engine, .array = array };

	if (each_object(engine, &key, get, &getting, err) < 0)
		return -1;
	*ret_json = json_format(array);
	return 0;
}
