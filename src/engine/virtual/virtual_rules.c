/* SPDX-License-Identifier: MIT */
/* Services in the rules. */

#include "engine/virtual/virtual_rules.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/network/describe.h"
#include "engine/network/rows.h"

#include <string.h>

/* A member that can be led to. */
struct member {
	struct address addresses[2];
	char *ports;
};

struct members {
	struct member *items;
	size_t count;
};

static void members_finish(struct members *members)
{
	for (size_t i = 0; i < members->count; i++)
		free(members->items[i].ports);
	free(members->items);
	*members = (struct members){};
}

/* Adds @row where it has an interface, here or in Proxmox VE. */
static int add_member(struct database *database, const struct member_row *row,
		      struct members *members, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};

	if (endpoint_list_read(database, row->container, row->network, &endpoints, err) < 0)
		return -1;
	for (size_t i = 0; i < endpoints.count; i++) {
		struct member *member;

		if (!endpoints.items[i].interface && !endpoints.items[i].away)
			continue;
		members->items =
			xreallocarray(members->items, members->count + 1, sizeof(*members->items));
		member = &members->items[members->count++];
		*member = (struct member){ .ports = xstrdup(row->ports) };
		memcpy(member->addresses, endpoints.items[i].addresses, sizeof(member->addresses));
	}
	return 0;
}

static int find_members(struct database *database, const struct service_row *row,
			const char *without, struct members *ret, struct lxcri_error *err)
{
	autorun(member_list_finish) struct member_list list = {};

	if (member_list_read_service(database, row, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		const struct member_row *member = &list.items[i];

		if ((!member->is_ready && !row->unready) ||
		    (without && strcmp(member->container, without) == 0))
			continue;
		if (add_member(database, member, ret, err) < 0)
			return -1;
	}
	return 0;
}

uint16_t virtual_rules_find_port(const char *ports, const char *name, uint8_t protocol)
{
	autofree char *start = xformat("%s/%s=", name, describe_protocol(protocol));

	for (const char *at = ports ? ports : ""; *at; at += strcspn(at, ","), at += *at == ',') {
		autofree char *number = NULL;
		uint64_t port;

		if (!text_starts_with(at, start))
			continue;
		at += strlen(start);
		number = xstrndup(at, strcspn(at, ","));
		return text_parse_u64(number, 1, UINT16_MAX, &port) == 0 ? (uint16_t)port : 0;
	}
	return 0;
}

/* Fills @ret with what leads to @members at @port, of one family. Returns how many there are. */
static size_t find_targets(const struct members *members, const struct service_port *port,
			   int index, struct ruleset_target *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < members->count; i++) {
		const struct member *member = &members->items[i];
		uint16_t number =
			port->target ? port->target
				     : virtual_rules_find_port(member->ports, port->target_name,
							       port->protocol);

		if (member->addresses[index].family && number)
			ret[count++] = (struct ruleset_target){ member->addresses[index], number };
	}
	return count;
}

/* Calls @each for the addresses at which a port of @row is to be had, of one family. */
static int each_place(const struct service_row *row, const struct service_port *port, int index,
		      int (*each)(void *userdata, const struct ruleset_service *service,
				  struct lxcri_error *err),
		      void *userdata, struct lxcri_error *err)
{
	struct ruleset_service service = { .family = index == 0 ? AF_INET : AF_INET6,
					   .protocol = port->protocol,
					   .port = port->port };

	service.host = row->addresses[index];
	if (service.host.family && each(userdata, &service, err) < 0)
		return -1;
	for (size_t i = 0; i < row->n_external_ips; i++) {
		service.host = row->external_ips[i];
		if (service.host.family == service.family && each(userdata, &service, err) < 0)
			return -1;
	}
	service.host = (struct address){};
	service.port = port->node_port;
	return service.port && row->addresses[index].family ? each(userdata, &service, err) : 0;
}

/* What is set at each place of a port. */
struct setter {
	struct session *session;
	enum ruleset_before known;
	unsigned int stay_seconds;
	const struct ruleset_target *targets;
	size_t n_targets;
};

static int set_place(void *userdata, const struct ruleset_service *place, struct lxcri_error *err)
{
	const struct setter *setter = userdata;
	struct ruleset_service service = *place;

	service.stay_seconds = setter->stay_seconds;
	service.targets = setter->targets;
	service.n_targets = setter->n_targets;
	return ruleset_set_service(setter->session->rules, setter->known, &service, err);
}

int virtual_rules_set(struct session *session, enum ruleset_before known,
		      const struct service_row *row, const char *without, struct lxcri_error *err)
{
	autorun(members_finish) struct members members = {};
	autofree struct ruleset_target *targets = NULL;
	struct setter setter = { session, known, row->stay_seconds, NULL, 0 };
	int there = ruleset_has_services(session->rules, err);

	if (there <= 0)
		return there;
	if (find_members(session->database, row, without, &members, err) < 0)
		return -1;
	targets = xcalloc(members.count + 1, sizeof(*targets));
	setter.targets = targets;
	for (int index = 0; index < 2; index++) {
		if (row->addresses[index].family)
			ruleset_change_virtual(session->rules, RULESET_ADD, &row->addresses[index]);
		for (size_t i = 0; i < row->n_ports; i++) {
			const struct service_port *port = &row->ports[i];

			setter.n_targets = find_targets(&members, port, index, targets);
			if (each_place(row, port, index, set_place, &setter, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* A place that is looked for. */
struct search {
	struct session *session;
	const struct service_row *after; /* or NULL */
	const struct ruleset_service *place;
	bool found;
};

static int compare_place(void *userdata, const struct ruleset_service *place,
			 struct lxcri_error *err)
{
	struct search *search = userdata;

	search->found |= place->family == search->place->family &&
			 place->protocol == search->place->protocol &&
			 place->port == search->place->port &&
			 address_equals(&place->host, &search->place->host);
	return 0;
}

static int drop_place(void *userdata, const struct ruleset_service *place, struct lxcri_error *err)
{
	struct search search = *(const struct search *)userdata;

	search.place = place;
	for (int index = 0; search.after && index < 2; index++)
		for (size_t i = 0; i < search.after->n_ports; i++)
			if (each_place(search.after, &search.after->ports[i], index, compare_place,
				       &search, err) < 0)
				return -1;
	return search.found
		       ? 0
		       : ruleset_set_service(search.session->rules, RULESET_UNKNOWN, place, err);
}

int virtual_rules_drop(struct session *session, const struct service_row *before,
		       const struct service_row *after, struct lxcri_error *err)
{
	struct search search = { .session = session, .after = after };
	int there = ruleset_has_services(session->rules, err);

	if (there <= 0)
		return there;
	for (int index = 0; index < 2; index++) {
		const struct address *address = &before->addresses[index];

		for (size_t i = 0; i < before->n_ports; i++)
			if (each_place(before, &before->ports[i], index, drop_place, &search, err) <
			    0)
				return -1;
		if (address->family &&
		    !(after && address_equals(address, &after->addresses[index])))
			ruleset_change_virtual(session->rules, RULESET_REMOVE, address);
	}
	return 0;
}

static int set_list(struct session *session, const char *container, enum ruleset_before known,
		    struct lxcri_error *err)
{
	autorun(service_list_finish) struct service_list services = {};

	if (service_list_read_virtual(session->database, container, &services, err) < 0)
		return -1;
	for (size_t i = 0; i < services.count; i++)
		if (virtual_rules_set(session, known, &services.items[i], container, err) < 0)
			return fail_while(err, "service %s.%s", services.items[i].name,
					  services.items[i].space);
	return 0;
}

int virtual_rules_set_all(struct session *session, struct lxcri_error *err)
{
	return set_list(session, NULL, RULESET_CLEARED, err);
}

int virtual_rules_leave(struct session *session, const char *container, struct lxcri_error *err)
{
	return set_list(session, container, RULESET_UNKNOWN, err);
}
