/* SPDX-License-Identifier: MIT */
/* Headless services, as the API has them. */

#include "lxcri/network.h"

#include "base/mem.h"
#include "engine/network/create.h"
#include "engine/network/describe.h"
#include "engine/headless/headless.h"
#include "engine/network/rows.h"
#include "engine/network/session.h"
#include "engine/virtual/virtual.h"
#include "engine/virtual/virtual_ready.h"

#include <netinet/in.h>
#include <string.h>

/* Fills the key *@ret, which the caller finishes. */
static int read_key(const struct lxcri_headless_service *service, struct service_row *ret,
		    struct lxcri_error *err)
{
	const char *space = service->namespace_name;

	*ret = (struct service_row){
		.network = xstrdup(network_called(service->network ? service->network : "")),
		.space = xstrdup(space ? space : HEADLESS_NAMESPACE_DEFAULT),
		.name = xstrdup(service->name ? service->name : ""),
		.unready = service->publish_not_ready,
	};
	if (headless_check_label("service", ret->name, err) < 0)
		return -1;
	return headless_check_label("namespace", ret->space, err);
}

static int read_ports(const struct lxcri_headless_service *service, struct service_row *ret,
		      struct lxcri_error *err)
{
	static const uint8_t protocols[] = {
		[LXCRI_PROTOCOL_TCP] = IPPROTO_TCP,
		[LXCRI_PROTOCOL_UDP] = IPPROTO_UDP,
		[LXCRI_PROTOCOL_SCTP] = IPPROTO_SCTP,
	};

	if (service->n_ports > HEADLESS_PORTS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d ports", HEADLESS_PORTS_MAX);
	ret->ports = xcalloc(service->n_ports + 1, sizeof(*ret->ports));
	for (size_t i = 0; i < service->n_ports; i++) {
		const struct lxcri_service_port *port = &service->ports[i];

		if (port->port == 0 || (size_t)port->protocol >= sizeof(protocols))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "a port is a number from 1 to 65535, of tcp, udp or sctp");
		if (port->name && headless_check_label("port", port->name, err) < 0)
			return -1;
		for (size_t k = 0; port->name && k < i; k++)
			if (service->ports[k].name &&
			    strcmp(service->ports[k].name, port->name) == 0)
				return fail(err, LXCRI_E_INVALID_ARGUMENT,
					    "two ports are called %s", port->name);
		ret->ports[ret->n_ports++] = (struct service_port){
			.name = xstrdup(port->name),
			.protocol = protocols[port->protocol],
			.port = port->port,
		};
	}
	return 0;
}

/* Stores the service, and the default network with it where nobody has needed that yet. */
static int store(struct session *session, const struct lxcri_headless_service *service,
		 const struct service_row *row, struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row network = {};
	int r;

	if (network_find_or_create(session, row->network, &network, err) < 0)
		return -1;
	r = service->replace ? 0 : services_have(session->database, row, err);
	if (r > 0)
		return fail(err, LXCRI_E_HEADLESS_SERVICE_FAILED, "it is there already");
	return r < 0 ? -1 : services_put(session->database, row, err);
}

static int setup(struct lxcri_engine *engine, const struct lxcri_headless_service *service,
		 struct service_row *row, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;

	if (read_key(service, row, err) < 0 || read_ports(service, row, err) < 0 ||
	    (service->replace && virtual_withdraw(engine, row, err) < 0) ||
	    session_begin(engine, &session, err) < 0 || database_begin(session.database, err) < 0)
		return -1;
	if (store(&session, service, row, err) == 0 && database_commit(session.database, err) == 0)
		return 0;
	database_roll_back(session.database);
	return -1;
}

int lxcri_network_setup_headless_service(struct lxcri_engine *engine,
					 const struct lxcri_headless_service *service,
					 struct lxcri_error *err)
{
	autorun(service_row_finish) struct service_row row = {};

	return setup(engine, service, &row, err) < 0
		       ? fail_as(err, LXCRI_E_HEADLESS_SERVICE_FAILED,
				 "set the service %s of the network %s up", row.name, row.network)
		       : 0;
}

/* Checks that the network is there, for who gets its name wrong means another one, and writes what
 * is called where something is missing. */
static int find_network(struct lxcri_engine *engine, const char *name, struct database **ret,
			struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row network = {};

	*ret = engine_database(engine, err);
	return *ret ? network_get(engine, name, &network, err) : -1;
}

static int not_there(const struct service_row *row, struct lxcri_error *err)
{
	autofree char *where = xformat("the network %s", row->network);

	return headless_not_found(row, where, err);
}

int lxcri_network_remove_headless_service(struct lxcri_engine *engine,
					  const struct lxcri_headless_service *service,
					  struct lxcri_error *err)
{
	autorun(service_row_finish) struct service_row row = {};
	struct database *database;
	int r;

	if (read_key(service, &row, err) < 0 ||
	    find_network(engine, row.network, &database, err) < 0)
		return -1;
	/* The rules forget it before the database does. */
	r = virtual_withdraw(engine, &row, err);
	if (r == 0)
		r = services_delete(database, &row, err);
	return r == 0 ? not_there(&row, err) : r < 0 ? -1 : 0;
}

/* Makes the container a member, within one transaction. */
static int join(struct lxcri_engine *engine, struct database *database,
		const struct service_row *row, const char *container, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	int found = services_have(database, row, err);

	if (found <= 0)
		return found < 0 ? -1 : not_there(row, err);
	if (endpoint_list_read(database, container, row->network, &endpoints, err) < 0)
		return -1;
	if (endpoints.count == 0)
		return fail(err, LXCRI_E_HEADLESS_SERVICE_FAILED,
			    "container %s is not in the network %s", container, row->network);
	return headless_join_one(engine, row, &endpoints.items[0], err);
}

int headless_add_member(struct lxcri_engine *engine, const struct service_row *key,
			const char *container, struct lxcri_error *err)
{
	struct database *database;

	if (find_network(engine, key->network, &database, err) < 0 ||
	    database_begin(database, err) < 0)
		return -1;
	if (join(engine, database, key, container, err) == 0 && database_commit(database, err) == 0)
		return 0;
	database_roll_back(database);
	return -1;
}

int headless_drop_member(struct lxcri_engine *engine, const struct service_row *key,
			 const char *container, struct lxcri_error *err)
{
	const struct member_row member = { .network = key->network,
					   .space = key->space,
					   .service = key->name,
					   .container = (char *)container };
	struct database *database;

	return find_network(engine, key->network, &database, err) < 0
		       ? -1
		       : members_delete(database, &member, err);
}

int lxcri_network_join_headless_service(struct lxcri_engine *engine,
					const struct lxcri_headless_service *service,
					const char *container, struct lxcri_error *err)
{
	autorun(service_row_finish) struct service_row row = {};

	if (read_key(service, &row, err) < 0 ||
	    headless_add_member(engine, &row, container, err) < 0)
		return -1;
	return virtual_ready_look_all(engine, &row, err);
}

int lxcri_network_leave_headless_service(struct lxcri_engine *engine,
					 const struct lxcri_headless_service *service,
					 const char *container, struct lxcri_error *err)
{
	autorun(service_row_finish) struct service_row row = {};
	int r;

	if (read_key(service, &row, err) < 0)
		return -1;
	r = headless_drop_member(engine, &row, container, err);
	if (r > 0)
		return virtual_ready_look_all(engine, &row, err);
	if (r == 0)
		r = services_have(engine->database, &row, err);
	if (r == 0)
		return not_there(&row, err);
	return r < 0 ? -1
		     : fail(err, LXCRI_E_HEADLESS_SERVICE_FAILED,
			    "container %s is no member of the service %s.%s of the network %s",
			    container, row.name, row.space, row.network);
}

static struct json_object *describe_service(const struct lxcri_engine *engine,
					    const struct service_row *row)
{
	autofree char *domain = headless_domain(engine, row->name, row->space);
	struct json_object *object = json_object_new_object();
	struct json_object *ports = json_object_new_array();

	json_set_text(object, "network", row->network);
	json_set_text(object, "namespace", row->space);
	json_set_text(object, "name", row->name);
	json_set_text(object, "domain", domain);
	for (int i = 0; i < 2; i++) {
		char text[ADDRESS_TEXT_MAX];

		if (row->addresses[i].family)
			json_set_text(object, i == 0 ? "ip4" : "ip6",
				      address_format(&row->addresses[i], text));
	}
	for (size_t i = 0; i < row->n_ports; i++) {
		struct json_object *port = json_object_new_object();

		json_set_text(port, "name", row->ports[i].name);
		json_set_text(port, "protocol", describe_protocol(row->ports[i].protocol));
		json_object_object_add(port, "port", json_object_new_int(row->ports[i].port));
		if (row->ports[i].target)
			json_object_object_add(port, "targetPort",
					       json_object_new_int(row->ports[i].target));
		else
			json_set_text(port, "targetPort", row->ports[i].target_name);
		if (row->ports[i].node_port)
			json_object_object_add(port, "nodePort",
					       json_object_new_int(row->ports[i].node_port));
		json_object_array_add(ports, port);
	}
	json_object_object_add(object, "ports", ports);
	json_object_object_add(object, "publishNotReady", json_object_new_boolean(row->unready));
	json_object_object_add(object, "members", json_object_new_array());
	return object;
}

static int add_place(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	struct json_object *member = userdata;
	static const char *const keys[] = { "ip4", "ip6" };
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (row->addresses[i].family)
			json_set_text(member, keys[i], address_format(&row->addresses[i], text));
	json_object_object_add(member, "attached",
			       json_object_new_boolean(row->interface != NULL || row->away));
	return 0;
}

static int describe_member(struct lxcri_engine *engine, const struct member_row *row,
			   struct json_object *service, struct lxcri_error *err)
{
	struct json_object *member = json_object_new_object();
	autofree char *name = xformat("%s.%s", row->hostname, json_get_text(service, "domain"));
	struct database *database = engine_database(engine, err);

	json_object_array_add(json_get(service, "members"), member);
	json_set_text(member, "container", row->container);
	json_set_text(member, "name", name);
	if (!database ||
	    endpoints_each(database, row->container, row->network, add_place, member, err) < 0)
		return -1;

	int is_ready = json_get_bool(member, "attached", false)
			       ? virtual_ready_is(engine, row->container, NULL, err)
			       : 0;

	if (is_ready < 0)
		return -1;
	json_object_object_del(member, "attached");
	json_object_object_add(member, "ready", json_object_new_boolean(is_ready > 0));
	return 0;
}

static bool is_of(const struct member_row *member, const struct service_row *service)
{
	return strcmp(member->service, service->name) == 0 &&
	       strcmp(member->space, service->space) == 0 &&
	       strcmp(member->network, service->network) == 0;
}

int lxcri_network_headless_services_json(struct lxcri_engine *engine, const char *network,
					 char **ret_json, struct lxcri_error *err)
{
	autorun(service_list_finish) struct service_list services = {};
	autorun(member_list_finish) struct member_list members = {};
	autojson array = json_object_new_array();
	const char *name = network ? network_called(network) : NULL;
	struct database *database = engine_database(engine, err);

	if (!database || (name && find_network(engine, name, &database, err) < 0) ||
	    service_list_read(database, name, &services, err) < 0 ||
	    member_list_read(database, name, &members, err) < 0)
		return -1;
	for (size_t i = 0; i < services.count; i++) {
		struct json_object *service = describe_service(engine, &services.items[i]);

		json_object_array_add(array, service);
		for (size_t k = 0; k < members.count; k++)
			if (is_of(&members.items[k], &services.items[i]) &&
			    describe_member(engine, &members.items[k], service, err) < 0)
				return -1;
	}
	*ret_json = json_format(array);
	return 0;
}
