/* SPDX-License-Identifier: MIT */
/* Services. */

#include "engine/workload/service.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/headless/headless.h"
#include "engine/pod/pod.h"
#include "engine/workload/shelf.h"
#include "engine/virtual/virtual.h"
#include "engine/virtual/virtual_ready.h"
#include "lxcri/network.h"
#include "manifest/object_service.h"

#include <string.h>

bool service_selects(const struct object_service *service, const struct field_map *labels)
{
	const struct field_map *selector = &service->selector;

	if (object_service_is_alias(service))
		return false;
	for (size_t i = 0; i < selector->keys.count; i++) {
		const char *value = field_map_get(labels, selector->keys.items[i]);

		if (!value || strcmp(value, selector->values.items[i]) != 0)
			return false;
	}
	return selector->keys.count > 0;
}

static struct lxcri_headless_service describe(const struct object *object)
{
	return (struct lxcri_headless_service){ .network = object->meta->name_space,
						.namespace_name = object->meta->name_space,
						.name = object->meta->name,
						.publish_not_ready =
							object->service->publish_not_ready,
						.replace = true };
}

/* Its key; it borrows from @object. */
static struct service_row key_of(const struct object *object)
{
	return (struct service_row){ .network = object->meta->name_space,
				     .space = object->meta->name_space,
				     .name = object->meta->name };
}

static enum lxcri_protocol protocol_of(const struct object_service_port *given)
{
	if (given->protocol && strcmp(given->protocol, "UDP") == 0)
		return LXCRI_PROTOCOL_UDP;
	if (given->protocol && strcmp(given->protocol, "SCTP") == 0)
		return LXCRI_PROTOCOL_SCTP;
	return LXCRI_PROTOCOL_TCP;
}

static int check_port(const struct object_service_port *given, struct lxcri_error *err)
{
	return given->port < 1 || given->port > 65535
		       ? fail(err, LXCRI_E_INVALID_MANIFEST, "port %jd: expected 1 to 65535",
			      (intmax_t)given->port)
		       : 0;
}

/* The port that the pods have. One that is named there is taken to be the service's. */
static int read_port(const struct object_service_port *given, struct lxcri_service_port *ret,
		     struct lxcri_error *err)
{
	uint64_t target = (uint64_t)given->port;

	if (given->target_port)
		(void)text_parse_u64(given->target_port, 1, 65535, &target);
	*ret = (struct lxcri_service_port){ .name = given->name,
					    .protocol = protocol_of(given),
					    .port = (uint16_t)target };
	return check_port(given, err);
}

/* The same of one with an address. What it has borrows from @given. */
static int read_virtual_port(const struct object_service_port *given, struct service_port *ret,
			     struct lxcri_error *err)
{
	static const uint8_t protocols[] = { [LXCRI_PROTOCOL_TCP] = IPPROTO_TCP,
					     [LXCRI_PROTOCOL_UDP] = IPPROTO_UDP,
					     [LXCRI_PROTOCOL_SCTP] = IPPROTO_SCTP };
	uint64_t target = (uint64_t)given->port;

	*ret = (struct service_port){ .name = given->name,
				      .protocol = protocols[protocol_of(given)],
				      .port = (uint16_t)given->port,
				      .node_port = (uint16_t)given->node_port };
	if (given->target_port && text_parse_u64(given->target_port, 1, 65535, &target) < 0)
		ret->target_name = given->target_port;
	else
		ret->target = (uint16_t)target;
	return check_port(given, err);
}

static int read_address(const char *text, struct address *ret, struct lxcri_error *err)
{
	return address_parse(text, AF_UNSPEC, ret) < 0
		       ? fail(err, LXCRI_E_INVALID_MANIFEST, "\"%.60s\" is no address", text)
		       : 0;
}

/* What is wanted of a service with an address. */
struct wanted {
	struct service_row row; /* borrows from the object, but for its two lists */
	struct virtual_wish wish;
};

static void wanted_finish(struct wanted *wanted)
{
	free(wanted->row.ports);
	free(wanted->row.external_ips);
}

static int read_wanted(const struct object *object, struct wanted *ret, struct lxcri_error *err)
{
	const struct object_service *service = object->service;
	const struct object_service_port *given = service->ports.items;
	struct service_row *row = &ret->row;

	*row = key_of(object);
	ret->wish = (struct virtual_wish){ row, object_service_has_node_ports(service) };
	row->unready = service->publish_not_ready;
	row->stay_seconds = object_service_stay_seconds(service);
	row->ports = xcalloc(service->ports.count + 1, sizeof(*row->ports));
	row->external_ips = xcalloc(service->external_ips.count + 1, sizeof(*row->external_ips));
	for (; row->n_ports < service->ports.count; row->n_ports++)
		if (read_virtual_port(&given[row->n_ports], &row->ports[row->n_ports], err) < 0)
			return -1;
	for (; row->n_external_ips < service->external_ips.count; row->n_external_ips++)
		if (read_address(service->external_ips.items[row->n_external_ips],
				 &row->external_ips[row->n_external_ips], err) < 0)
			return -1;
	if (service->cluster_ip && *service->cluster_ip) {
		struct address address;

		if (read_address(service->cluster_ip, &address, err) < 0)
			return -1;
		row->addresses[address.family == AF_INET ? 0 : 1] = address;
	}
	return 0;
}

/* Pods that are there already, and what they are to join. */
struct joining {
	struct lxcri_engine *engine;
	const struct object *object;
	struct strings ids;
};

static int note(void *userdata, const struct lxcri_pod_state *state)
{
	struct joining *joining = userdata;

	if (strcmp(state->name_space, joining->object->meta->name_space) == 0)
		strings_add(&joining->ids, state->id);
	return 0;
}

static bool is_selected(const struct lxcri_pod *pod, const struct object_service *service)
{
	struct field_map labels = {};
	bool selected;

	if (!pod->shell->record.networked)
		return false;
	json_object_object_foreach(pod->note.labels, key, value)
	{
		field_map_add(&labels, key, json_object_get_string(value));
	}
	selected = service_selects(service, &labels);
	field_map_finish(&labels);
	return selected;
}

/* Has @pod be a member of the Service @object, or not. What somebody made by hand is not asked what
 * its labels are. */
static int join(struct lxcri_pod *pod, const struct object *object, struct lxcri_error *err)
{
	const struct service_row key = key_of(object);
	const char *id = pod->shell->home.id;

	if (is_selected(pod, object->service))
		return headless_add_member(pod->engine, &key, id, err);
	return pod->note.owner && headless_drop_member(pod->engine, &key, id, err) < 0 ? -1 : 0;
}

static int join_all(struct lxcri_engine *engine, const struct object *object,
		    struct lxcri_error *err)
{
	struct joining joining = { .engine = engine, .object = object };
	int r = lxcri_pod_list(engine, note, &joining, err);

	for (size_t i = 0; r == 0 && i < joining.ids.count; i++) {
		autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
		struct lxcri_error gone = {};

		if (lxcri_pod_open(engine, joining.ids.items[i], &pod, &gone) == 0) {
			r = join(pod, object, err);
		} else if (gone.code != LXCRI_E_POD_NOT_FOUND) {
			*err = gone;
			r = -1;
		}
	}
	strings_finish(&joining.ids);
	return r;
}

/* A pod whose labels are others. */
struct following {
	struct lxcri_pod *pod;
	struct strings names; /* of services */
};

static int follow(void *userdata, const struct object_key *key, const char *document,
		  int64_t revision, struct lxcri_error *err)
{
	struct following *following = userdata;
	autorun(object_finish) struct object object = { .kind = OBJECT_SERVICE };

	if (shelf_parse(document, &object, err) < 0)
		return -1;
	if (!object.service)
		return 0;
	strings_add(&following->names, object.meta->name);
	return join(following->pod, &object, err);
}

int service_follow(struct lxcri_pod *pod, const char *name_space, struct lxcri_error *err)
{
	const struct object_key key = { object_kind_name(OBJECT_SERVICE), name_space, NULL };
	struct following following = { .pod = pod };
	struct database *database = engine_database(pod->engine, err);
	int r = database ? objects_each(database, &key, follow, &following, err) : -1;

	/* Those that it has left as well. */
	for (size_t i = 0; r >= 0 && i < following.names.count; i++) {
		const struct service_row row = { .network = (char *)name_space,
						 .space = (char *)name_space,
						 .name = following.names.items[i] };

		r = virtual_ready_look_all(pod->engine, &row, err);
	}
	strings_finish(&following.names);
	return r < 0 ? -1 : 0;
}

static int make_headless(struct lxcri_engine *engine, const struct object *object,
			 struct lxcri_error *err)
{
	const struct object_service_port *given = object->service->ports.items;
	struct lxcri_headless_service service = describe(object);
	autofree struct lxcri_service_port *ports =
		xcalloc(object->service->ports.count + 1, sizeof(*ports));

	for (; service.n_ports < object->service->ports.count; service.n_ports++)
		if (read_port(&given[service.n_ports], &ports[service.n_ports], err) < 0)
			return fail_while(err, "service %s", object->meta->name);
	service.ports = ports;
	return lxcri_network_setup_headless_service(engine, &service, err);
}

static int make_virtual(struct lxcri_engine *engine, const struct object *object,
			struct lxcri_error *err)
{
	autorun(wanted_finish) struct wanted wanted = {};

	return read_wanted(object, &wanted, err) < 0 ? -1 : virtual_put(engine, &wanted.wish, err);
}

static int take_revision(void *userdata, const struct object_key *key, const char *document,
			 int64_t revision, struct lxcri_error *err)
{
	*(int64_t *)userdata = revision;
	return 0;
}

/* Which revision of it is kept; 0: none. */
static int find_revision(struct lxcri_engine *engine, const struct object *object, int64_t *ret,
			 struct lxcri_error *err)
{
	const struct object_key key = shelf_key(object);
	struct database *database = engine_database(engine, err);

	*ret = 0;
	return !database || objects_each(database, &key, take_revision, ret, err) < 0 ? -1 : 0;
}

/* Gives it its members, and notes that all is done. */
static int finish(struct lxcri_engine *engine, const struct object *object, struct lxcri_error *err)
{
	const struct service_row key = key_of(object);
	int64_t revision;

	if (join_all(engine, object, err) < 0 || virtual_ready_look_all(engine, &key, err) < 0 ||
	    find_revision(engine, object, &revision, err) < 0)
		return -1;
	return services_note_made(engine->database, &key, revision, err);
}

int service_converge(struct lxcri_engine *engine, const struct object *object,
		     struct lxcri_error *err)
{
	if ((object_service_is_headless(object->service) ? make_headless(engine, object, err)
							 : make_virtual(engine, object, err)) < 0)
		return -1;
	return finish(engine, object, err);
}

int service_restore(struct lxcri_engine *engine, const struct object *object,
		    const struct service_row *row, struct lxcri_error *err)
{
	const struct virtual_wish wish = { row, object_service_has_node_ports(object->service) };

	if (!row->name || !service_row_is_virtual(row))
		return service_converge(engine, object, err);
	return virtual_put(engine, &wish, err) < 0 ? -1 : finish(engine, object, err);
}

int service_find(struct lxcri_engine *engine, const struct object *object, struct service_row *ret,
		 struct lxcri_error *err)
{
	const struct service_row key = key_of(object);
	struct database *database = engine_database(engine, err);

	return database ? services_find(database, &key, ret, err) : -1;
}

int service_is_due(struct lxcri_engine *engine, const struct object *object,
		   struct lxcri_error *err)
{
	const struct service_row key = key_of(object);
	int64_t revision;

	if (find_revision(engine, object, &revision, err) < 0)
		return -1;
	return services_are_due(engine->database, &key, revision, err);
}

int service_check(struct lxcri_engine *engine, const struct object *object, struct lxcri_error *err)
{
	autorun(wanted_finish) struct wanted wanted = {};

	if (object_service_is_headless(object->service))
		return 0;
	return read_wanted(object, &wanted, err) < 0 ? -1
						     : virtual_check(engine, &wanted.wish, err);
}

int service_remove(struct lxcri_engine *engine, const struct object *object,
		   struct lxcri_error *err)
{
	const struct lxcri_headless_service service = describe(object);

	if (lxcri_network_remove_headless_service(engine, &service, err) == 0)
		return 0;
	if (lxcri_code_class(err->code) != LXCRI_CLASS_NOT_FOUND)
		return -1;
	*err = (struct lxcri_error){};
	return 0;
}
