/* SPDX-License-Identifier: MIT */
/* The names of headless services. */

#include "engine/headless/headless_names.h"

#include "base/mem.h"
#include "engine/network/describe.h"
#include "engine/headless/headless.h"

#include <stdlib.h>
#include <string.h>

int headless_names_read(struct lxcri_engine *engine, const char *network,
			struct headless_names *ret, struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);

	if (!database || service_list_read(database, network, &ret->services, err) < 0)
		return -1;
	if (ret->services.count == 0)
		return 0;
	return member_list_read(database, network, &ret->members, err) < 0
		       ? -1
		       : services_look_met(database, network, &ret->services, err);
}

void headless_names_finish(struct headless_names *names)
{
	service_list_finish(&names->services);
	member_list_finish(&names->members);
	*names = (struct headless_names){};
}

bool headless_names_have(struct headless_names *names, const struct endpoint_row *endpoint)
{
	const struct member_list *members = &names->members;

	/* Both are in the order of containers. */
	while (names->next < members->count &&
	       strcmp(members->items[names->next].container, endpoint->container) < 0)
		names->next++;
	return names->next < members->count &&
	       strcmp(members->items[names->next].container, endpoint->container) == 0;
}

static int compare_service(const void *key, const void *entry)
{
	const struct member_row *member = key;
	const struct service_row *service = entry;
	int order = strcmp(member->space, service->space);

	return order ? order : strcmp(member->service, service->name);
}

static void add_addresses(struct text *text, const char *name, const struct address addresses[2])
{
	for (size_t i = 0; i < 2; i++) {
		char address[ADDRESS_TEXT_MAX];

		if (addresses[i].family != 0)
			text_addf(text, "address %s %s\n", name,
				  address_format(&addresses[i], address));
	}
}

static void add_ports(struct text *text, const struct service_row *service, const char *domain,
		      const char *name)
{
	for (size_t i = 0; i < service->n_ports; i++) {
		const struct service_port *port = &service->ports[i];

		if (port->name)
			text_addf(text, "service _%s._%s.%s %u %s\n", port->name,
				  describe_protocol(port->protocol), domain, port->port, name);
	}
}

char *headless_names_add(struct headless_names *names, struct lxcri_engine *engine,
			 const struct endpoint_row *endpoint, enum headless_ready ready,
			 struct text *text)
{
	char *first = NULL;

	for (; headless_names_have(names, endpoint); names->next++) {
		const struct member_row *member = &names->members.items[names->next];
		const struct service_row *service =
			bsearch(member, names->services.items, names->services.count,
				sizeof(*service), compare_service);

		/* One with an address of its own is called by that alone. */
		if (!service || service_row_is_virtual(service) ||
		    (ready == HEADLESS_NOT_READY && !service->unready))
			continue;

		autofree char *domain = headless_domain(engine, service->name, service->space);
		autofree char *name = xformat("%s.%s", member->hostname, domain);

		add_addresses(text, domain, endpoint->addresses);
		add_addresses(text, name, endpoint->addresses);
		add_ports(text, service, domain, name);
		if (!first)
			first = steal(name);
	}
	return first;
}

void headless_names_add_virtual(const struct headless_names *names,
				const struct lxcri_engine *engine, struct text *text)
{
	for (size_t i = 0; i < names->services.count; i++) {
		const struct service_row *service = &names->services.items[i];
		autofree char *domain = NULL;
		struct address told[2] = {};

		if (!service_row_is_virtual(service))
			continue;
		for (size_t k = 0; k < ARRAY_LEN(told); k++)
			if (!service->unmet[k])
				told[k] = service->addresses[k];
		domain = headless_domain(engine, service->name, service->space);
		add_addresses(text, domain, told);
		add_ports(text, service, domain, domain);
		for (size_t k = 0; k < ARRAY_LEN(service->addresses); k++) {
			char address[ADDRESS_TEXT_MAX];

			if (service->addresses[k].family != 0)
				text_addf(text, "pointer %s %s\n",
					  address_format(&service->addresses[k], address), domain);
		}
	}
}
