/* SPDX-License-Identifier: MIT */
/* Ports of the host that services have. */

#include "engine/virtual/virtual_ports.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "engine/network/publish.h"

#include <errno.h>

#define NODE_PORTS (VIRTUAL_NODE_PORT_MAX - VIRTUAL_NODE_PORT_MIN + 1)

/* Looks whether @port is free for @row. An address that the host has not can be no program's. */
static int check_port(struct lxcri_engine *engine, const struct service_row *row,
		      struct port_row *port, struct lxcri_error *err)
{
	if (publish_check_service(engine, port, row, err) == 0)
		return 0;
	if (err->errnum != EADDRNOTAVAIL)
		return -1;
	*err = (struct lxcri_error){};
	return publish_check_taker(engine, port, row, err);
}

/* Where to begin: the same service is likely to get the same one. */
static uint32_t first_of(const struct service_row *row, size_t index)
{
	uint64_t sum = FNV_START;

	for (const char *c = row->space; *c; c++)
		sum = fnv_add(sum, (unsigned char)*c);
	for (const char *c = row->name; *c; c++)
		sum = fnv_add(sum, (unsigned char)*c);
	return (uint32_t)((sum + index) % NODE_PORTS);
}

static bool is_repeated(const struct service_row *row, size_t index, uint16_t node_port)
{
	for (size_t i = 0; i < row->n_ports; i++)
		if (i != index && row->ports[i].node_port == node_port &&
		    row->ports[i].protocol == row->ports[index].protocol)
			return true;
	return false;
}

static int choose(struct lxcri_engine *engine, struct service_row *row, size_t index,
		  struct lxcri_error *err)
{
	const uint32_t first = first_of(row, index);

	for (uint32_t i = 0; i < NODE_PORTS; i++) {
		struct port_row port = { .protocol = row->ports[index].protocol,
					 .host_port = (uint16_t)(VIRTUAL_NODE_PORT_MIN +
								 (first + i) % NODE_PORTS) };

		if (is_repeated(row, index, port.host_port))
			continue;
		*err = (struct lxcri_error){};
		if (check_port(engine, row, &port, err) < 0)
			continue;
		row->ports[index].node_port = port.host_port;
		return 0;
	}
	return fail(err, LXCRI_E_PORT_FORWARDING_FAILED, "every port from %d to %d is taken",
		    VIRTUAL_NODE_PORT_MIN, VIRTUAL_NODE_PORT_MAX);
}

static uint16_t node_port_before(const struct service_row *before, const struct service_port *port)
{
	for (size_t i = 0; i < before->n_ports; i++)
		if (before->ports[i].port == port->port &&
		    before->ports[i].protocol == port->protocol)
			return before->ports[i].node_port;
	return 0;
}

static int complete_node_port(struct lxcri_engine *engine, const struct service_row *before,
			      struct service_row *row, size_t index, struct lxcri_error *err)
{
	struct service_port *port = &row->ports[index];
	struct port_row wanted = { .protocol = port->protocol };

	if (!port->node_port)
		port->node_port = node_port_before(before, port);
	if (!port->node_port)
		return choose(engine, row, index, err);
	wanted.host_port = port->node_port;
	return check_port(engine, row, &wanted, err);
}

int virtual_ports_complete(struct lxcri_engine *engine, const struct virtual_wish *wish,
			   const struct service_row *before, struct service_row *row,
			   struct lxcri_error *err)
{
	for (size_t i = 0; i < row->n_ports; i++) {
		if (wish->has_node_ports && complete_node_port(engine, before, row, i, err) < 0)
			return fail_while(err, "nodePort of port %u", row->ports[i].port);
		for (size_t k = 0; k < row->n_external_ips; k++) {
			struct port_row port = { .protocol = row->ports[i].protocol,
						 .host = row->external_ips[k],
						 .host_port = row->ports[i].port };

			if (check_port(engine, row, &port, err) < 0)
				return fail_while(err, "externalIPs");
		}
	}
	return 0;
}

int virtual_ports_store(struct database *database, const struct service_row *row,
			struct lxcri_error *err)
{
	autofree struct port_row *ports =
		xcalloc(row->n_ports * (row->n_external_ips + 1) + 1, sizeof(*ports));
	size_t count = 0;

	for (size_t i = 0; i < row->n_ports; i++) {
		if (row->ports[i].node_port)
			ports[count++] = (struct port_row){ .protocol = row->ports[i].protocol,
							    .host_port = row->ports[i].node_port };
		for (size_t k = 0; k < row->n_external_ips; k++)
			ports[count++] = (struct port_row){ .protocol = row->ports[i].protocol,
							    .host = row->external_ips[k],
							    .host_port = row->ports[i].port };
	}
	return service_ports_put(database, row, ports, count, err);
}
