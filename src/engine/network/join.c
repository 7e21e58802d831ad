/* SPDX-License-Identifier: MIT */
/* A new container's place in its networks. */

#include "engine/network/join.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/bundle/host_names.h"
#include "engine/lan/lan.h"
#include "engine/network/create.h"
#include "engine/network/endpoint.h"
#include "engine/headless/headless.h"
#include "engine/network/publish.h"
#include "engine/network/rows.h"
#include "oci/image_config.h"

#include <string.h>

static const char *const default_networks[] = { NETWORK_DEFAULT, NULL };

static const char *const *networks_of(const struct join *join)
{
	const char *const *given = join->options->networks;

	return given && given[0] ? given : default_networks;
}

/* Reads the addresses that are asked for into @endpoint. */
static int read_addresses(const struct join *join, struct endpoint_row *endpoint,
			  struct lxcri_error *err)
{
	const struct lxcri_create_options *options = join->options;

	if (options->ip && address_parse(options->ip, AF_INET, &endpoint->addresses[0]) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%s\" is no address of IPv4",
			    options->ip);
	if (options->ip6 && address_parse(options->ip6, AF_INET6, &endpoint->addresses[1]) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%s\" is no address of IPv6",
			    options->ip6);
	if (options->mac_address && link_mac_parse(options->mac_address, endpoint->mac) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "\"%s\" is no MAC address of one interface", options->mac_address);
	return 0;
}

static int check_names(struct lxcri_engine *engine, const struct join *join,
		       struct lxcri_error *err)
{
	const char *const *aliases = join->options->network_aliases;
	const char *const *networks = networks_of(join);
	autorun(strings_finish) struct strings names = {};

	for (size_t i = 0; aliases && aliases[i]; i++)
		if (!host_names_is_valid(aliases[i]))
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "alias \"%s\" is no host name",
				    aliases[i]);
	for (size_t i = 0; networks[i]; i++) {
		autorun(network_row_finish) struct network_row network = {};
		const char *name = network_called(networks[i]);

		for (size_t k = 0; k < i; k++)
			if (strcmp(network_called(networks[k]), name) == 0)
				return fail(err, LXCRI_E_INVALID_ARGUMENT,
					    "network %s is named twice", name);
		if (strcmp(name, NETWORK_DEFAULT) != 0 && !lan_spec_is(name) &&
		    network_get(engine, name, &network, err) < 0)
			return -1;
		strings_add(&names, name);
	}
	return headless_check(engine, join->options->services, &names, err);
}

int join_check(struct lxcri_engine *engine, const struct join *join, struct lxcri_error *err)
{
	autorun(endpoint_row_finish) struct endpoint_row ignored = {};
	autorun(port_list_finish) struct port_list ports = {};

	if (read_addresses(join, &ignored, err) < 0 || check_names(engine, join, err) < 0 ||
	    lan_check(join, err) < 0)
		return -1;
	return publish_choose(engine, join, &ports, err);
}

/* Stores one endpoint. */
static int put(struct session *session, const struct join *join, const char *name,
	       unsigned int position, struct lxcri_error *err)
{
	const char *const *aliases = join->options->network_aliases;
	autorun(network_row_finish) struct network_row network = {};
	autorun(endpoint_row_finish) struct endpoint_row endpoint = {
		.container = xstrdup(join->container),
		.network = xstrdup(name),
		.position = position,
		.hostname = xstrdup(join->hostname),
		.persistent = !join->options->release_addresses,
	};

	for (size_t i = 0; aliases && aliases[i]; i++)
		strings_add(&endpoint.aliases, aliases[i]);
	if (network_find_or_create(session, name, &network, err) < 0)
		return -1;
	/* What is asked for is meant for the first network. */
	if (position == 0 && read_addresses(join, &endpoint, err) < 0)
		return -1;
	if (endpoint_fill(session->database, session->engine, &network, &endpoint, err) < 0)
		return -1;
	return endpoints_put(session->database, &endpoint, err);
}

static int put_ports(struct session *session, const struct join *join, struct lxcri_error *err)
{
	autorun(port_list_finish) struct port_list ports = {};

	if (publish_choose(session->engine, join, &ports, err) < 0)
		return -1;
	for (size_t i = 0; i < ports.count; i++)
		if (ports_put(session->database, &ports.items[i], err) < 0)
			return -1;
	return 0;
}

static int put_all(struct session *session, const struct join *join, struct lxcri_error *err)
{
	const char *const *networks = networks_of(join);

	for (unsigned int i = 0; networks[i]; i++) {
		const char *name = network_called(networks[i]);
		int r = lan_spec_is(name) ? lan_put(session, join, name, i, err)
					  : put(session, join, name, i, err);

		if (r < 0)
			return -1;
	}
	if (headless_join(session->engine, join->options->services, join->container, err) < 0)
		return -1;
	return put_ports(session, join, err);
}

/* Does @change as one transaction. */
static int transact(struct lxcri_engine *engine, const struct join *join, const char *network,
		    int (*change)(struct session *session, const struct join *join,
				  const char *network, struct lxcri_error *err),
		    struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;

	if (session_begin(engine, &session, err) < 0 || database_begin(session.database, err) < 0)
		return -1;
	if (change(&session, join, network, err) == 0 &&
	    database_commit(session.database, err) == 0)
		return 0;
	database_roll_back(session.database);
	return -1;
}

static int change_all(struct session *session, const struct join *join, const char *network,
		      struct lxcri_error *err)
{
	return put_all(session, join, err);
}

int join_make(struct lxcri_engine *engine, const struct join *join, struct lxcri_error *err)
{
	autoptr(image_config) image = NULL;
	struct join whole = *join;

	if (join->image_config &&
	    image_config_parse(join->image_config, strlen(join->image_config), &image, err) < 0)
		return fail_while(err, "image config");
	if (image)
		whole.exposed = image->exposed_ports.items;
	return transact(engine, &whole, NULL, change_all, err);
}

static int fail_already(const struct join *join, const char *network, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_CONFIGURATION_FAILED, "container %s is in the network %s already",
		    join->container, network);
}

static int change_one(struct session *session, const struct join *join, const char *network,
		      struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list there = {};
	autorun(lan_list_finish) struct lan_list places = {};
	unsigned int position = 0;

	if (endpoint_list_read(session->database, join->container, NULL, &there, err) < 0 ||
	    lan_list_read(session->database, join->container, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.count; i++) {
		if (strcmp(places.items[i].spec, network) == 0)
			return fail_already(join, network, err);
		if (places.items[i].position >= position)
			position = places.items[i].position + 1;
	}
	for (size_t i = 0; i < there.count; i++) {
		if (strcmp(there.items[i].network, network) == 0)
			return fail_already(join, network, err);
		if (there.items[i].position >= position)
			position = there.items[i].position + 1;
	}
	return lan_spec_is(network) ? lan_put(session, join, network, position, err)
				    : put(session, join, network, position, err);
}

int join_one(struct lxcri_engine *engine, const struct join *join, const char *network,
	     struct lxcri_error *err)
{
	return lan_check(join, err) < 0
		       ? -1
		       : transact(engine, join, network_called(network), change_one, err);
}
