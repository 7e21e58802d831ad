/* SPDX-License-Identifier: MIT */
/* Services with addresses of their own.
 *
 * A row is there before the rules know of what is in it, and after they have forgotten it: whoever
 * is killed in between leaves what the next one who makes the same true finds. */

#include "engine/virtual/virtual.h"

#include "base/mem.h"
#include "engine/network/create.h"
#include "engine/network/network.h"
#include "engine/network/pool.h"
#include "engine/network/session.h"
#include "engine/virtual/virtual_ports.h"
#include "engine/virtual/virtual_rules.h"

#include <string.h>

static void copy_row(const struct service_row *from, struct service_row *ret)
{
	*ret = (struct service_row){ .network = xstrdup(from->network),
				     .space = xstrdup(from->space),
				     .name = xstrdup(from->name),
				     .unready = from->unready,
				     .stay_seconds = from->stay_seconds };
	memcpy(ret->addresses, from->addresses, sizeof(ret->addresses));
	ret->ports = xcalloc(from->n_ports + 1, sizeof(*ret->ports));
	for (size_t i = 0; i < from->n_ports; i++) {
		ret->ports[i] = from->ports[i];
		ret->ports[i].name = xstrdup(from->ports[i].name);
		ret->ports[i].target_name = xstrdup(from->ports[i].target_name);
		ret->n_ports++;
	}
	ret->external_ips = xcalloc(from->n_external_ips + 1, sizeof(*ret->external_ips));
	for (size_t i = 0; i < from->n_external_ips; i++)
		ret->external_ips[ret->n_external_ips++] = from->external_ips[i];
}

static const struct address *wanted_of(const struct service_row *row)
{
	return row->addresses[0].family   ? &row->addresses[0]
	       : row->addresses[1].family ? &row->addresses[1]
					  : NULL;
}

/* Tells whether @row asks for no other address than @before has. */
static bool is_content(const struct service_row *row, const struct service_row *before)
{
	for (int i = 0; i < 2; i++)
		if (row->addresses[i].family &&
		    !address_equals(&row->addresses[i], &before->addresses[i]))
			return false;
	return service_row_is_virtual(before);
}

/* What is looked for among the addresses of a network's services. */
struct search {
	struct database *database;
	const struct network_row *network;
	struct lxcri_error *err;
};

static int is_taken(void *userdata, uint32_t number)
{
	const struct search *search = userdata;
	int taken = 0;

	for (int i = 0; taken == 0 && i < 2; i++) {
		const struct subnet *subnet = &search->network->services[i];
		const struct address address = subnet_host(subnet, number);

		if (subnet->base.family)
			taken = services_have_address(search->database, &address, search->err);
	}
	return taken;
}

/* Finds the number of the address @wanted. */
static int check_wanted(struct search *search, const struct address *wanted, uint32_t *ret_number)
{
	const struct subnet *subnet = &search->network->services[wanted->family == AF_INET ? 0 : 1];
	char text[ADDRESS_TEXT_MAX];
	char subnet_text[ADDRESS_TEXT_MAX];
	int taken;

	(void)address_format(wanted, text);
	*ret_number = subnet->base.family ? subnet_host_number(subnet, wanted) : 0;
	if (*ret_number == 0 || *ret_number > subnet_hosts(&search->network->services[0]))
		return fail(search->err, LXCRI_E_CONFIGURATION_FAILED,
			    "clusterIP: %s is none of %s, where the services of the network %s are",
			    text, subnet_format(subnet, subnet_text), search->network->name);
	taken = is_taken(search, *ret_number);
	return taken > 0 ? fail(search->err, LXCRI_E_CONFIGURATION_FAILED,
				"clusterIP: %s is another service's", text)
			 : taken;
}

/* Gives @row addresses of @network, which has a place for them. */
static int choose_addresses(struct session *session, struct network_row *network,
			    struct service_row *row, struct lxcri_error *err)
{
	struct search search = { session->database, network, err };
	const struct address *wanted = wanted_of(row);
	char text[ADDRESS_TEXT_MAX];
	uint32_t number = 0;
	int r = wanted ? check_wanted(&search, wanted, &number)
		       : subnet_find_free(&network->services[0], network->last_service, is_taken,
					  &search, &number);

	if (r == 0 && !wanted)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "every address of %s, where the services of the network %s are, is "
			    "taken",
			    subnet_format(&network->services[0], text), network->name);
	if (r < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		row->addresses[i] = network->services[i].base.family
					    ? subnet_host(&network->services[i], number)
					    : (struct address){};
	if (!wanted)
		network->last_service = number;
	return 0;
}

/* Completes @row: what is not asked for stays as it was, or is chosen. */
static int complete(struct session *session, const struct virtual_wish *wish,
		    const struct service_row *before, struct network_row *network,
		    struct service_row *row, struct lxcri_error *err)
{
	copy_row(wish->row, row);
	if (is_content(row, before))
		memcpy(row->addresses, before->addresses, sizeof(row->addresses));
	else if ((!network->services[0].base.family &&
		  pool_choose_services(session->engine, session->route, network, wanted_of(row),
				       network->services, err) < 0) ||
		 choose_addresses(session, network, row, err) < 0)
		return -1;
	return virtual_ports_complete(session->engine, wish, before, row, err);
}

static int store(struct session *session, const struct network_row *network,
		 const struct service_row *row, struct lxcri_error *err)
{
	if (database_begin(session->database, err) < 0)
		return -1;
	if (networks_put(session->database, network, err) == 0 &&
	    services_put(session->database, row, err) == 0 &&
	    virtual_ports_store(session->database, row, err) == 0 &&
	    database_commit(session->database, err) == 0)
		return 0;
	database_roll_back(session->database);
	return -1;
}

/* Has the rules lose what @after has not. */
static int drop(struct session *session, const struct service_row *before,
		const struct service_row *after, struct lxcri_error *err)
{
	int loaded;

	if (!before->name || !service_row_is_virtual(before))
		return 0;
	loaded = ruleset_is_loaded(session->rules, err);
	if (loaded <= 0)
		return loaded;
	if (virtual_rules_drop(session, before, after, err) < 0)
		return -1;
	return ruleset_commit(session->rules, err);
}

/* Has the host know where the services of @network are, if its bridge is there. */
static int lead_there(struct session *session, const struct network_row *network,
		      struct lxcri_error *err)
{
	struct link link;
	unsigned int index;
	int r = link_find(session->route, network->bridge, &link, err);

	return r > 0 ? session_bring_up(session, network, &index, err) : r;
}

static int put(struct session *session, const struct virtual_wish *wish, struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row network = {};
	autorun(service_row_finish) struct service_row before = {};
	autorun(service_row_finish) struct service_row row = {};
	bool was_led;

	if (network_find_or_create(session, wish->row->network, &network, err) < 0 ||
	    services_find(session->database, wish->row, &before, err) < 0)
		return -1;
	was_led = network.services[0].base.family != 0;
	if (complete(session, wish, &before, &network, &row, err) < 0 ||
	    drop(session, &before, &row, err) < 0 || store(session, &network, &row, err) < 0)
		return -1;
	return was_led ? 0 : lead_there(session, &network, err);
}

int virtual_put(struct lxcri_engine *engine, const struct virtual_wish *wish,
		struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;

	if (session_begin(engine, &session, err) < 0 || put(&session, wish, err) < 0)
		return fail_while(err, "service %s", wish->row->name);
	return 0;
}

/* What is not there yet will be made where nothing is in the way. */
static int check(struct session *session, const struct virtual_wish *wish, struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row network = {};
	autorun(service_row_finish) struct service_row before = {};
	autorun(service_row_finish) struct service_row row = {};
	int found = networks_find(session->database, wish->row->network, NULL, &network, err);

	if (found < 0 || services_find(session->database, wish->row, &before, err) < 0)
		return -1;
	if (found == 0)
		network.name = xstrdup(wish->row->network);
	return complete(session, wish, &before, &network, &row, err);
}

int virtual_check(struct lxcri_engine *engine, const struct virtual_wish *wish,
		  struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;

	/* A dry run makes nothing, not even a database. */
	if (!engine->database && !database_exists(engine->data))
		return 0;
	if (session_begin(engine, &session, err) < 0 || check(&session, wish, err) < 0)
		return fail_while(err, "service %s", wish->row->name);
	return 0;
}

static int withdraw(struct session *session, const struct service_row *key, struct lxcri_error *err)
{
	autorun(service_row_finish) struct service_row row = {};
	int found = services_find(session->database, key, &row, err);

	if (found <= 0 || !service_row_is_virtual(&row))
		return found < 0 ? -1 : 0;
	if (drop(session, &row, NULL, err) < 0)
		return -1;
	memset(row.addresses, 0, sizeof(row.addresses));
	row.n_external_ips = 0;
	row.stay_seconds = 0;
	if (database_begin(session->database, err) < 0)
		return -1;
	if (services_put(session->database, &row, err) == 0 &&
	    services_note_made(session->database, &row, 0, err) == 0 &&
	    service_ports_put(session->database, &row, NULL, 0, err) == 0 &&
	    database_commit(session->database, err) == 0)
		return 0;
	database_roll_back(session->database);
	return -1;
}

int virtual_withdraw(struct lxcri_engine *engine, const struct service_row *key,
		     struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;

	return session_begin(engine, &session, err) < 0 ? -1 : withdraw(&session, key, err);
}
