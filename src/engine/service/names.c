/* SPDX-License-Identifier: MIT */
/* The names of a network. */

#include "engine/service/names.h"

#include "base/mem.h"
#include "config/config.h"
#include "engine/database/objects.h"
#include "engine/headless/headless.h"
#include "engine/headless/headless_names.h"
#include "net/dns/dns_name.h"

#include <string.h>

#define TTL_SECONDS 5
/* As in Kubernetes: names with fewer dots, "web-0.nginx.default.svc" too, are looked for in the
 * search domains first, and by some C libraries only then. */
#define NDOTS "ndots:5"

/* A zone on its way out. */
struct zone_text {
	struct lxcri_engine *engine;
	const struct network_row *network;
	const char *domain;
	const struct names_judge *judge;
	struct headless_names services;
	struct text *text;
};

static const char *domain_of(const struct lxcri_engine *engine)
{
	return config_text(engine->config, CONFIG_NETWORK_CLUSTER_DOMAIN);
}

static bool is_name(const char *name)
{
	uint8_t wire[DNS_NAME_MAX];

	return name && dns_name_parse(name, wire) > 0;
}

/* Adds the addresses of @name, alone and in the domain of the network. What is no name of the DNS
 * cannot be asked for either. */
static void add_name(const struct zone_text *zone, const char *name,
		     const struct endpoint_row *endpoint)
{
	autofree char *full =
		name ? xformat("%s.%s.%s", name, zone->network->name, zone->domain) : NULL;

	for (size_t i = 0; i < ARRAY_LEN(endpoint->addresses); i++) {
		char address[ADDRESS_TEXT_MAX];

		if (endpoint->addresses[i].family == 0)
			continue;
		(void)address_format(&endpoint->addresses[i], address);
		if (is_name(name))
			text_addf(zone->text, "address %s %s\n", name, address);
		if (is_name(full))
			text_addf(zone->text, "address %s %s\n", full, address);
	}
}

/* Adds the name that the addresses have: @service_name, or the host's own, else the container's. */
static void add_pointers(const struct zone_text *zone, const struct endpoint_row *endpoint,
			 const char *service_name)
{
	const char *name = is_name(endpoint->hostname) ? endpoint->hostname : endpoint->container;
	autofree char *full =
		service_name ? xstrdup(service_name)
			     : xformat("%s.%s.%s", name, zone->network->name, zone->domain);

	if (!is_name(full))
		return;
	for (size_t i = 0; i < ARRAY_LEN(endpoint->addresses); i++) {
		char address[ADDRESS_TEXT_MAX];

		if (endpoint->addresses[i].family != 0)
			text_addf(zone->text, "pointer %s %s\n",
				  address_format(&endpoint->addresses[i], address), full);
	}
}

static int add_endpoint(void *userdata, const struct endpoint_row *endpoint,
			struct lxcri_error *err)
{
	struct zone_text *zone = userdata;
	const struct names_judge *judge = zone->judge;
	autofree char *service_name = NULL;

	if (!endpoint->interface)
		return 0;
	add_name(zone, endpoint->container, endpoint);
	if (endpoint->hostname && strcmp(endpoint->hostname, endpoint->container) != 0)
		add_name(zone, endpoint->hostname, endpoint);
	for (size_t i = 0; i < endpoint->aliases.count; i++)
		add_name(zone, endpoint->aliases.items[i], endpoint);
	if (headless_names_have(&zone->services, endpoint))
		service_name = headless_names_add(
			&zone->services, zone->engine, endpoint,
			judge->is_ready(judge->userdata, endpoint->container) ? HEADLESS_READY
									      : HEADLESS_NOT_READY,
			zone->text);
	add_pointers(zone, endpoint, service_name);
	return 0;
}

/* A Service of the type ExternalName is an alias. */
static int add_alias(void *userdata, const struct object_key *key, const char *document,
		     int64_t revision, struct lxcri_error *err)
{
	const struct zone_text *zone = userdata;
	autojson object = json_tokener_parse(document);
	struct json_object *spec = json_get(object, "spec");
	const char *type = json_get_text(spec, "type");
	const char *target = json_get_text(spec, "externalName");
	autofree char *name = NULL;

	if (!type || strcmp(type, "ExternalName") != 0)
		return 0;
	name = headless_domain(zone->engine, key->name, key->name_space);
	if (is_name(name) && is_name(target))
		text_addf(zone->text, "alias %s %s\n", name, target);
	return 0;
}

static int add_aliases(struct zone_text *zone, struct lxcri_error *err)
{
	const struct object_key key = { "Service", zone->network->name, NULL };
	struct database *database = engine_database(zone->engine, err);

	return !database || objects_each(database, &key, add_alias, zone, err) < 0 ? -1 : 0;
}

int names_format_zone(struct lxcri_engine *engine, const struct network_row *row,
		      const struct names_judge *judge, struct text *ret_text,
		      struct lxcri_error *err)
{
	struct zone_text zone = { .engine = engine,
				  .network = row,
				  .domain = domain_of(engine),
				  .judge = judge,
				  .text = ret_text };
	int r = headless_names_read(engine, row->name, &zone.services, err);

	text_addf(ret_text, "ttl %d\n", TTL_SECONDS);
	if (is_name(zone.domain))
		text_addf(ret_text, "origin %s\n", zone.domain);
	for (size_t i = 0; i < ARRAY_LEN(row->subnets); i++) {
		char subnet[ADDRESS_TEXT_MAX];

		if (row->subnets[i].base.family != 0)
			text_addf(ret_text, "subnet %s\n", subnet_format(&row->subnets[i], subnet));
	}
	for (size_t i = 0; i < ARRAY_LEN(row->services); i++) {
		char subnet[ADDRESS_TEXT_MAX];

		if (row->services[i].base.family != 0)
			text_addf(ret_text, "subnet %s\n",
				  subnet_format(&row->services[i], subnet));
	}
	if (r == 0)
		headless_names_add_virtual(&zone.services, engine, ret_text);
	if (r == 0)
		r = add_aliases(&zone, err);
	if (r == 0)
		r = network_each_endpoint(engine, row->name, add_endpoint, &zone, err);
	headless_names_finish(&zone.services);
	return r < 0 ? -1 : 0;
}

static int note_network(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	strings_add(userdata, row->network);
	return 0;
}

/* A server answers on each family's gateway: one is enough. */
static void add_server(const struct network_row *row, struct strings *servers)
{
	struct address gateway = network_gateway(row, row->subnets[0].base.family ? 0 : 1);
	char text[ADDRESS_TEXT_MAX];

	if (gateway.family != 0)
		strings_add(servers, address_format(&gateway, text));
}

void names_lookup_finish(struct names_lookup *lookup)
{
	strings_finish(&lookup->servers);
	strings_finish(&lookup->search);
	strings_finish(&lookup->options);
}

/* Adds the domains in which services are looked for, as Kubernetes has them. */
static int add_service_domains(const struct lxcri_engine *engine, const char *const *services,
			       struct strings *search, struct lxcri_error *err)
{
	autorun(service_row_finish) struct service_row first = {};

	if (services && services[0] && headless_parse(services[0], &first, err) < 0)
		return -1;
	strings_addf(search, "%s.svc.%s", first.space ? first.space : HEADLESS_NAMESPACE_DEFAULT,
		     domain_of(engine));
	strings_addf(search, "svc.%s", domain_of(engine));
	strings_add(search, domain_of(engine));
	return 0;
}

static int read_lookup(struct lxcri_engine *engine, const struct lxcri_create_options *options,
		       struct names_lookup *ret, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings networks = {};
	struct json_object *more = config_json(engine->config, CONFIG_NETWORK_SEARCH);
	struct database *database = engine_database(engine, err);
	int n_services = 0;

	if (!database ||
	    endpoints_each(database, options->id, NULL, note_network, &networks, err) < 0)
		return -1;
	for (size_t i = 0; i < networks.count; i++) {
		struct network_row row = {};
		int r = network_get(engine, networks.items[i], &row, err);

		if (r == 0)
			add_server(&row, &ret->servers);
		network_row_finish(&row);
		if (r == 0)
			r = services_count(database, networks.items[i], err);
		if (r < 0)
			return -1;
		n_services += r;
		strings_addf(&ret->search, "%s.%s", networks.items[i], domain_of(engine));
	}
	if (n_services > 0 && add_service_domains(engine, options->services, &ret->search, err) < 0)
		return -1;
	for (size_t i = 0; i < json_count(more); i++)
		strings_add(&ret->search,
			    json_object_get_string(json_object_array_get_idx(more, i)));
	if (n_services > 0)
		strings_add(&ret->options, NDOTS);
	return 0;
}

/* Has *@list be @found, unless there is something in it. */
static void complete(const char *const **list, const struct strings *found)
{
	if (!*list || !(*list)[0])
		*list = (const char *const *)found->items;
}

int names_complete(struct lxcri_engine *engine, struct lxcri_create_options *options,
		   struct names_lookup *ret, struct lxcri_error *err)
{
	if (options->dns && options->dns[0])
		return 0;
	if (read_lookup(engine, options, ret, err) < 0)
		return -1;
	options->dns = (const char *const *)ret->servers.items;
	complete(&options->dns_search, &ret->search);
	complete(&options->dns_options, &ret->options);
	return 0;
}
