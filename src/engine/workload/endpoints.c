/* SPDX-License-Identifier: MIT */
/* Where services lead to. */

#include "engine/workload/endpoints.h"

#include "base/mem.h"
#include "engine/network/rows.h"
#include "engine/virtual/virtual_ready.h"
#include "engine/virtual/virtual_rules.h"
#include "engine/workload/service.h"

#include <netinet/in.h>
#include <string.h>

struct getting {
	struct lxcri_engine *engine;
	struct json_object *array;
};

bool endpoints_are_meant(const char *kind)
{
	static const char *const words[] = { "endpoints", "endpoint", "ep" };

	for (size_t i = 0; kind && i < ARRAY_LEN(words); i++)
		if (strcasecmp(kind, words[i]) == 0)
			return true;
	return false;
}

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? "UDP" : protocol == IPPROTO_SCTP ? "SCTP" : "TCP";
}

/* The number of @port in a pod that calls its ports by @names; 0 where it calls none so. */
static int64_t port_of_pod(const struct service_port *port, const char *names)
{
	/* Of a headless service the port is the pods' own. */
	if (!port->target_name)
		return port->target ? port->target : port->port;
	return virtual_rules_find_port(names, port->target_name, port->protocol);
}

static struct json_object *ports_of(const struct service_row *row, const char *names)
{
	struct json_object *ports = json_object_new_array();

	for (size_t i = 0; i < row->n_ports; i++) {
		int64_t number = port_of_pod(&row->ports[i], names);
		struct json_object *port;

		if (number == 0)
			continue;
		port = json_object_new_object();
		if (row->ports[i].name)
			json_set_text(port, "name", row->ports[i].name);
		json_object_object_add(port, "port", json_object_new_int64(number));
		json_set_text(port, "protocol", protocol_name(row->ports[i].protocol));
		json_object_array_add(ports, port);
	}
	return ports;
}

/* Returns the subset of those that have @ports_consume, made where there is none. */
static struct json_object *need_subset(struct json_object *subsets,
				       struct json_object *ports_consume)
{
	struct json_object *subset;

	for (size_t i = 0; i < json_count(subsets); i++) {
		subset = json_object_array_get_idx(subsets, i);
		if (json_object_equal(json_get(subset, "ports"), ports_consume)) {
			json_free(ports_consume);
			return subset;
		}
	}
	subset = json_object_new_object();
	json_object_object_add(subset, "ports", ports_consume);
	json_object_array_add(subsets, subset);
	return subset;
}

static void add_address(struct json_object *subset, const char *list, const char *address,
			const struct member_row *member)
{
	struct json_object *entry = json_object_new_object();
	struct json_object *target = json_object_new_object();
	struct json_object *array = json_get(subset, list);

	if (!array) {
		array = json_object_new_array();
		json_object_object_add(subset, list, array);
	}
	json_set_text(entry, "ip", address);
	json_set_text(target, "kind", "Pod");
	json_set_text(target, "name", member->container);
	json_object_object_add(entry, "targetRef", target);
	json_object_array_add(array, entry);
}

static int add_member(struct lxcri_engine *engine, const struct service_row *row,
		      const struct member_row *member, struct json_object *subsets,
		      struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list list = {};
	autofree char *names = NULL;
	char text[ADDRESS_TEXT_MAX];
	int ready = virtual_ready_is(engine, member->container, &names, err);

	if (ready < 0 || endpoint_list_read(engine->database, member->container, member->network,
					    &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		for (size_t k = 0; (list.items[i].interface || list.items[i].away) && k < 2; k++) {
			const struct address *address = &list.items[i].addresses[k];

			if (address->family)
				add_address(need_subset(subsets, ports_of(row, names)),
					    ready || row->unready ? "addresses"
								  : "notReadyAddresses",
					    address_format(address, text), member);
		}
	return 0;
}

static int add(void *userdata, const struct object_key *key, const char *document, int64_t revision,
	       struct lxcri_error *err)
{
	const struct getting *getting = userdata;
	autorun(object_finish) struct object object = {};
	autorun(service_row_finish) struct service_row row = {};
	autorun(member_list_finish) struct member_list members = {};
	struct json_object *endpoints, *meta, *subsets;
	int found;

	if (shelf_parse(document, &object, err) < 0)
		return -1;
	found = service_find(getting->engine, &object, &row, err);
	if (found <= 0)
		return found;
	endpoints = json_object_new_object();
	json_object_array_add(getting->array, endpoints);
	meta = json_object_new_object();
	subsets = json_object_new_array();
	json_set_text(endpoints, "apiVersion", "v1");
	json_set_text(endpoints, "kind", "Endpoints");
	json_set_text(meta, "name", key->name);
	json_set_text(meta, "namespace", key->name_space);
	json_object_object_add(endpoints, "metadata", meta);
	json_object_object_add(endpoints, "subsets", subsets);
	if (member_list_read_service(getting->engine->database, &row, &members, err) < 0)
		return -1;
	for (size_t i = 0; i < members.count; i++)
		if (add_member(getting->engine, &row, &members.items[i], subsets, err) < 0)
			return -1;
	return 0;
}

int endpoints_get(struct lxcri_engine *engine, const char *name_space, const char *name,
		  struct json_object *array, struct lxcri_error *err)
{
	const struct object_key key = { object_kind_name(OBJECT_SERVICE), name_space, name };
	struct getting getting = { engine, array };
	struct database *database;

	if (!database_exists(engine->data))
		return 0;
	database = engine_database(engine, err);
	return !database || objects_each(database, &key, add, &getting, err) < 0 ? -1 : 0;
}
