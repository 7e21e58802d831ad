/* SPDX-License-Identifier: MIT */
/* Published ports that come and go while containers are there, as the API has it. */

#include "lxcri/network.h"

#include "base/mem.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "engine/network/describe.h"
#include "engine/network/proxy.h"
#include "engine/network/publish.h"
#include "engine/network/rows.h"
#include "engine/network/session.h"

#include <string.h>

/* Lets the rules know of the change, when the container runs. */
static int change_rules(struct session *session, const struct port_row *port,
			enum ruleset_change change, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};

	if (endpoint_list_read(session->database, port->container, NULL, &endpoints, err) < 0)
		return -1;
	if (endpoints.count == 0)
		return fail(err, LXCRI_E_PORT_FORWARDING_FAILED, "container %s is in no network",
			    port->container);
	if (!endpoints.items[0].interface)
		return 0;
	session_change_port(session, change, port, &endpoints.items[0]);
	return ruleset_commit(session->rules, err);
}

static int check_room(struct session *session, const struct port_row *port, struct lxcri_error *err)
{
	int count = ports_count(session->database, port->container, err);

	return count < PUBLISH_PORTS_MAX ? count
					 : fail(err, LXCRI_E_INVALID_ARGUMENT,
						"more than %d published ports", PUBLISH_PORTS_MAX);
}

/* Stores the port, unless somebody has it. */
static int store(struct session *session, struct port_row *port, struct lxcri_error *err)
{
	if (database_begin(session->database, err) < 0)
		return -1;
	if (check_room(session, port, err) >= 0 && publish_check(session->engine, port, err) == 0 &&
	    ports_put(session->database, port, err) == 0 &&
	    database_commit(session->database, err) == 0)
		return 0;
	database_roll_back(session->database);
	return -1;
}

static int add(struct lxcri_container *container, struct port_row *port, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	struct lxcri_error second = {};

	if (session_begin(container->engine, &session, err) < 0 || store(&session, port, err) < 0)
		return -1;
	if (change_rules(&session, port, RULESET_ADD, err) == 0 &&
	    (container->status == LXCRI_STATUS_STOPPED ||
	     proxy_start(container, container->state.pid, err) == 0))
		return 0;
	(void)change_rules(&session, port, RULESET_REMOVE, &second);
	(void)ports_delete(session.database, port, &second);
	if (container->status != LXCRI_STATUS_STOPPED)
		(void)proxy_start(container, container->state.pid, &second);
	return -1;
}

/* A port that is looked for by what it is on the host. */
struct finder {
	struct port_row *wanted;
	bool found;
};

static int compare(void *userdata, const struct port_row *row, struct lxcri_error *err)
{
	struct finder *finder = userdata;

	if (row->protocol != finder->wanted->protocol ||
	    row->host_port != finder->wanted->host_port ||
	    !address_equals(&row->host, &finder->wanted->host))
		return 0;
	finder->wanted->container_port = row->container_port;
	finder->found = true;
	return 0;
}

static int take_away(struct lxcri_container *container, struct port_row *port,
		     struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	struct finder finder = { .wanted = port };

	if (session_begin(container->engine, &session, err) < 0 ||
	    ports_each(session.database, port->container, compare, &finder, err) < 0)
		return -1;
	if (!finder.found)
		return fail(err, LXCRI_E_PORT_FORWARDING_FAILED,
			    "port %u of the host does not lead to container %s", port->host_port,
			    port->container);
	if (change_rules(&session, port, RULESET_REMOVE, err) < 0 ||
	    ports_delete(session.database, port, err) < 0)
		return -1;
	return container->status == LXCRI_STATUS_STOPPED
		       ? 0
		       : proxy_start(container, container->state.pid, err);
}

/* Does @change with the container locked. */
static int change_locked(struct lxcri_engine *engine, const char *id, const struct lxcri_port *port,
			 int (*change)(struct lxcri_container *container, struct port_row *port,
				       struct lxcri_error *err),
			 struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autorun(port_row_finish) struct port_row row = {};
	int r;

	if (publish_read(port, id, &row, err) < 0 ||
	    lxcri_container_open(engine, id, &container, err) < 0 ||
	    ct_refuse(container, "forward a port to", err) < 0 ||
	    container_lock(container, err) < 0)
		return -1;
	if (!container->record.networked)
		r = fail(err, LXCRI_E_PORT_FORWARDING_FAILED,
			 "container %s has no network of its own", id);
	else
		r = change(container, &row, err);
	home_unlock(&container->home);
	return r;
}

int lxcri_network_add_port_forward(struct lxcri_engine *engine, const char *container,
				   const struct lxcri_port *port, struct lxcri_error *err)
{
	if (port->count > 1)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "one port at a time");
	return change_locked(engine, container, port, add, err) < 0
		       ? fail_as(err, LXCRI_E_PORT_FORWARDING_FAILED, "publish a port of %s",
				 container)
		       : 0;
}

int lxcri_network_remove_port_forward(struct lxcri_engine *engine, const char *container,
				      const struct lxcri_port *port, struct lxcri_error *err)
{
	struct lxcri_port wanted = *port;

	wanted.container_port = 1; /* whatever it is */
	return change_locked(engine, container, &wanted, take_away, err) < 0
		       ? fail_as(err, LXCRI_E_PORT_FORWARDING_FAILED, "take a port of %s back",
				 container)
		       : 0;
}

int lxcri_network_ports_json(struct lxcri_engine *engine, const char *container, char **ret_json,
			     struct lxcri_error *err)
{
	autojson array = NULL;

	if (container) {
		autorun(lxcri_container_freep) struct lxcri_container *opened = NULL;

		if (lxcri_container_open(engine, container, &opened, err) < 0)
			return -1;
	}
	array = describe_ports(engine, container, err);
	if (!array)
		return -1;
	*ret_json = json_format(array);
	return 0;
}
