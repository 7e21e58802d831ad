/* SPDX-License-Identifier: MIT */
/* Which ports of the host a container gets. */

#include "engine/network/publish.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/network/proxy.h"

#include <netinet/in.h>
#include <string.h>

#define FREE_ATTEMPTS 32

/* The names that users know, by number. */
static const struct protocol {
	const char *name;
	enum lxcri_protocol protocol;
	uint8_t number;
} protocols[] = {
	{ "tcp", LXCRI_PROTOCOL_TCP, IPPROTO_TCP },
	{ "udp", LXCRI_PROTOCOL_UDP, IPPROTO_UDP },
	{ "sctp", LXCRI_PROTOCOL_SCTP, IPPROTO_SCTP },
};

int publish_read(const struct lxcri_port *port, const char *container, struct port_row *ret,
		 struct lxcri_error *err)
{
	struct port_row row = { .host_port = port->host_port,
				.container_port = port->container_port };

	if (port->container_port == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "a port in a container is from 1 to 65535");
	if ((size_t)port->protocol >= ARRAY_LEN(protocols))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "unknown protocol %d", port->protocol);
	if (port->host_ip && *port->host_ip &&
	    address_parse(port->host_ip, AF_UNSPEC, &row.host) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%s\" is no address of the host",
			    port->host_ip);
	row.protocol = protocols[port->protocol].number;
	row.container = xstrdup(container);
	*ret = row;
	return 0;
}

int publish_check_taker(struct lxcri_engine *engine, const struct port_row *port,
			const struct service_row *service, struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);
	autofree char *taker = NULL;
	autofree char *other = NULL;
	char address[ADDRESS_TEXT_MAX];
	int r = database ? ports_find_taker(database, port, &taker, err) : -1;

	if (r == 0)
		r = service_ports_find_taker(database, port, service, &other, err);
	if (r > 0)
		return fail(err, LXCRI_E_PORT_FORWARDING_FAILED, "port %u of %s is %s %s",
			    port->host_port,
			    port->host.family ? address_format(&port->host, address) : "the host",
			    taker ? "published by container" : "that of the service",
			    taker ? taker : other);
	return r;
}

int publish_check_service(struct lxcri_engine *engine, const struct port_row *port,
			  const struct service_row *service, struct lxcri_error *err)
{
	if (proxy_check(port, err) < 0)
		return -1;
	return publish_check_taker(engine, port, service, err);
}

/* Checks one port that is known. */
static int check(struct lxcri_engine *engine, const struct port_row *port, struct lxcri_error *err)
{
	return publish_check_service(engine, port, NULL, err);
}

int publish_check(struct lxcri_engine *engine, struct port_row *port, struct lxcri_error *err)
{
	if (port->host_port > 0)
		return check(engine, port, err);
	/* One that the kernel would give to a program may still be one that a container has. */
	for (int attempt = 0; attempt < FREE_ATTEMPTS; attempt++) {
		if (proxy_find_free(port, err) < 0)
			return -1;
		*err = (struct lxcri_error){};
		if (check(engine, port, err) == 0)
			return 0;
	}
	return -1;
}

static struct port_row *add(struct port_list *list)
{
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count] = (struct port_row){};
	return &list->items[list->count++];
}

/* Tells whether one of @list has what @port wants. */
static bool is_repeated(const struct port_list *list, const struct port_row *port)
{
	for (size_t i = 0; i < list->count; i++)
		if (&list->items[i] != port && list->items[i].protocol == port->protocol &&
		    list->items[i].host_port == port->host_port &&
		    (!port->host.family || !list->items[i].host.family ||
		     address_equals(&list->items[i].host, &port->host)))
			return true;
	return false;
}

/* Adds one port, once it is known to be free. */
static int add_checked(struct lxcri_engine *engine, const char *container,
		       const struct lxcri_port *port, struct port_list *list,
		       struct lxcri_error *err)
{
	struct port_row *row;

	if (list->count >= PUBLISH_PORTS_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "more than %d published ports",
			    PUBLISH_PORTS_MAX);
	row = add(list);
	if (publish_read(port, container, row, err) < 0 || publish_check(engine, row, err) < 0)
		return -1;
	if (is_repeated(list, row))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "port %u of the host is published twice",
			    row->host_port);
	return 0;
}

/* Adds all of a range. */
static int add_range(struct lxcri_engine *engine, const char *container,
		     const struct lxcri_port *range, struct port_list *list,
		     struct lxcri_error *err)
{
	uint32_t count = range->count ? range->count : 1;

	if (range->container_port + count - 1 > 65535 || range->host_port + count - 1 > 65535)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a range of ports goes beyond 65535");
	for (uint32_t i = 0; i < count; i++) {
		struct lxcri_port port = *range;

		port.container_port = (uint16_t)(range->container_port + i);
		if (range->host_port)
			port.host_port = (uint16_t)(range->host_port + i);
		if (add_checked(engine, container, &port, list, err) < 0)
			return -1;
	}
	return 0;
}

/* Reads "80/tcp" or "80" of an image; 0, or -1 for what is neither. */
static int read_exposed(const char *text, struct lxcri_port *ret)
{
	autofree char *number = xstrndup(text, strcspn(text, "/"));
	const char *protocol = strchr(text, '/');
	uint64_t port;

	if (text_parse_u64(number, 1, 65535, &port) < 0)
		return -1;
	*ret = (struct lxcri_port){ .container_port = (uint16_t)port };
	for (size_t i = 0; protocol && i < ARRAY_LEN(protocols); i++)
		if (strcmp(protocol + 1, protocols[i].name) == 0) {
			ret->protocol = protocols[i].protocol;
			return 0;
		}
	return protocol ? -1 : 0;
}

/* Tells whether a port in the container is published already. */
static bool is_published(const struct port_list *list, const struct lxcri_port *port)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].container_port == port->container_port &&
		    list->items[i].protocol == protocols[port->protocol].number)
			return true;
	return false;
}

int publish_choose(struct lxcri_engine *engine, const struct join *join, struct port_list *ret,
		   struct lxcri_error *err)
{
	const struct lxcri_create_options *options = join->options;

	for (size_t i = 0; i < options->n_ports; i++)
		if (add_range(engine, join->container, &options->ports[i], ret, err) < 0)
			return -1;
	for (size_t i = 0; options->publish_all && join->exposed && join->exposed[i]; i++) {
		struct lxcri_port port;

		/* What an image claims and nobody can read is not worth a refusal. */
		if (read_exposed(join->exposed[i], &port) < 0 || is_published(ret, &port))
			continue;
		if (add_checked(engine, join->container, &port, ret, err) < 0)
			return -1;
	}
	return 0;
}
