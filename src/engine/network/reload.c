/* SPDX-License-Identifier: MIT */
/* What should be there: looking for it, and putting it right. */

#include "lxcri/network.h"

#include "base/mem.h"
#include "engine/container.h"
#include "engine/database/lans.h"
#include "engine/lan/lan_rules.h"
#include "engine/network/attach.h"
#include "engine/network/instance.h"
#include "engine/network/proxy.h"
#include "engine/network/rows.h"
#include "engine/network/session.h"
#include "engine/pod/sandbox.h"
#include "net/route.h"
#include "os/process.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bridges of ours, as the host has them. */
struct bridges {
	const struct lxcri_engine *engine;
	struct link *items;
	size_t count;
};

static void bridges_finish(struct bridges *bridges)
{
	free(bridges->items);
	bridges->items = NULL;
}

static void note_bridge(void *userdata, const struct link *link)
{
	struct bridges *bridges = userdata;

	if (!link->is_bridge || link->group != LINK_GROUP ||
	    !instance_has_alias(bridges->engine, link->alias))
		return;
	bridges->items = xreallocarray(bridges->items, bridges->count + 1, sizeof(*link));
	bridges->items[bridges->count++] = *link;
}

/* Returns the bridge that bears the alias of @network, or NULL. */
static const struct link *find_bridge(const struct bridges *bridges, const char *network)
{
	autofree char *alias = instance_alias(bridges->engine, network);

	for (size_t i = 0; i < bridges->count; i++)
		if (strcmp(bridges->items[i].alias, alias) == 0)
			return &bridges->items[i];
	return NULL;
}

/* One look at all networks. */
struct reload {
	struct session *session;
	struct bridges bridges;
	bool is_used; /* any of them */
};

/* Tells whether @network is to have a bridge. */
static int is_wanted(struct session *session, const struct network_row *network,
		     struct lxcri_error *err)
{
	struct network_options options;
	int count = endpoints_count_attached(session->database, network->name, NULL, err);

	if (count < 0 || network_options_parse(network->options, &options, err) < 0)
		return -1;
	return count > 0 || !options.implicit;
}

static int reload_network(void *userdata, const struct network_row *network,
			  struct lxcri_error *err)
{
	struct reload *reload = userdata;
	const struct link *link = find_bridge(&reload->bridges, network->name);
	int wanted = is_wanted(reload->session, network, err);
	unsigned int bridge;

	if (wanted < 0)
		return -1;
	if (!wanted)
		return link ? link_remove(reload->session->route, link->index, err) : 0;
	reload->is_used = true;
	/* Somebody has renamed it: its ports are still in it. */
	if (link && strcmp(link->name, network->bridge) != 0 &&
	    bridge_rename(reload->session->route, link->index, network->bridge, err) < 0)
		return -1;
	if (session_bring_up(reload->session, network, &bridge, err) < 0)
		return fail_while(err, "network %s", network->name);
	return 0;
}

/* Removes a bridge of ours that no network has. */
static int drop_strays(struct reload *reload, struct lxcri_error *err)
{
	for (size_t i = 0; i < reload->bridges.count; i++) {
		const struct link *link = &reload->bridges.items[i];
		autorun(network_row_finish) struct network_row row = {};
		autofree char *prefix = instance_alias(reload->session->engine, "");
		int r = networks_find(reload->session->database, link->alias + strlen(prefix), NULL,
				      &row, err);

		if (r < 0 || (r == 0 && link_remove(reload->session->route, link->index, err) < 0))
			return -1;
	}
	return 0;
}

static int reload_host(struct lxcri_engine *engine, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	autorun(bridges_finish) struct bridges bridges = { .engine = engine };
	struct reload reload = { .session = &session };
	int needed;

	if (session_begin(engine, &session, err) < 0 ||
	    link_each(session.route, note_bridge, &bridges, err) < 0)
		return -1;
	reload.bridges = bridges;
	if (drop_strays(&reload, err) < 0 ||
	    networks_each(session.database, reload_network, &reload, err) < 0)
		return -1;
	needed = reload.is_used ? 1 : lan_rules_are_needed(&session, NULL, err);
	if (needed < 0)
		return -1;
	return needed ? session_set_rules(&session, err) : session_tidy(&session, NULL, err);
}

static bool is_alive(const struct lxcri_container *container)
{
	return container->status != LXCRI_STATUS_STOPPED && container->state.pid > 0;
}

/* Looks at a container, by which one that has ended loses what it had on the host. Returns 0
 * without a container when it is gone. */
static int look_at(struct lxcri_engine *engine, const char *id,
		   struct lxcri_container **ret_container, struct lxcri_error *err)
{
	struct lxcri_error gone = {};

	if (lxcri_container_open(engine, id, ret_container, &gone) == 0)
		return 0;
	*ret_container = NULL;
	if (gone.code == LXCRI_E_CONTAINER_NOT_FOUND)
		return 0;
	*err = gone;
	return -1;
}

/* Tells whether what went wrong is that the container is ending by itself, which is no fault. */
static bool has_ended(const struct lxcri_container *container, struct lxcri_error *err)
{
	if (!process_is_ending(container->state.pid))
		return false;
	*err = (struct lxcri_error){};
	return true;
}

static int repair(struct lxcri_container *container, struct lxcri_error *err)
{
	if (attach_repair(container, err) < 0)
		return -1;
	return proxy_is_running(container->home.run_fd)
		       ? 0
		       : proxy_start(container, container->state.pid, err);
}

static int reload_container(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_error gone = {};
	int r;

	if (look_at(engine, id, &container, err) < 0)
		return -1;
	if (!container)
		return sandbox_reload(engine, id, err);
	if (container_lock(container, &gone) < 0) {
		*err = gone;
		return gone.code == LXCRI_E_CONTAINER_NOT_FOUND ? 0 : -1;
	}
	r = is_alive(container) ? repair(container, err) : 0;
	if (r < 0 && has_ended(container, err))
		r = 0;
	home_unlock(&container->home);
	return r < 0 ? fail_while(err, "container %s", id) : 0;
}

/* Returns the containers that have an interface. */
static int list_attached(struct lxcri_engine *engine, struct strings *ret, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	autorun(lan_list_finish) struct lan_list places = {};
	struct database *database = engine_database(engine, err);

	if (!database || endpoint_list_read(database, NULL, NULL, &endpoints, err) < 0 ||
	    lan_list_read(database, NULL, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.count; i++)
		if (places.items[i].interface && !strings_has(ret, places.items[i].container))
			strings_add(ret, places.items[i].container);
	for (size_t i = 0; i < endpoints.count; i++)
		if (endpoints.items[i].interface && !strings_has(ret, endpoints.items[i].container))
			strings_add(ret, endpoints.items[i].container);
	return 0;
}

int lxcri_network_reload(struct lxcri_engine *engine, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings containers = {};

	if (list_attached(engine, &containers, err) < 0)
		return -1;
	/* First those that have ended, so that nothing is made for them. */
	for (size_t i = 0; i < containers.count; i++) {
		autorun(lxcri_container_freep) struct lxcri_container *container = NULL;

		if (look_at(engine, containers.items[i], &container, err) < 0)
			return -1;
	}
	if (reload_host(engine, err) < 0)
		return -1;
	for (size_t i = 0; i < containers.count; i++)
		if (reload_container(engine, containers.items[i], err) < 0)
			return -1;
	return 0;
}

/* Who is told of faults. */
struct doubt {
	struct lxcri_engine *engine;
	lxcri_network_fault_fn fault;
	void *userdata;
	int count;
};

[[gnu::format(printf, 2, 3)]] static void tell(struct doubt *doubt, const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	doubt->fault(doubt->userdata, text);
	doubt->count++;
}

/* Finds a bridge's addresses among the routes that lead to it. */
struct address_search {
	const struct network_row *network;
	unsigned int bridge;
	bool found[2];
};

static void compare_route(void *userdata, const struct subnet *subnet, unsigned int interface)
{
	struct address_search *search = userdata;

	for (int i = 0; i < 2; i++)
		search->found[i] |=
			interface == search->bridge &&
			subnet->prefix == search->network->subnets[i].prefix &&
			address_equals(&subnet->base, &search->network->subnets[i].base);
}

static int check_bridge(struct session *session, const struct network_row *network,
			struct doubt *doubt, struct lxcri_error *err)
{
	autofree char *alias = instance_alias(session->engine, network->name);
	struct address_search search = { .network = network };
	char text[ADDRESS_TEXT_MAX];
	struct link link;
	int r = link_find(session->route, network->bridge, &link, err);

	if (r < 0)
		return -1;
	if (r == 0 || !bridge_is_ours(&link, alias)) {
		tell(doubt, "the bridge %s is not there", network->bridge);
		return 0;
	}
	if (!link.is_up)
		tell(doubt, "the bridge %s is down", network->bridge);
	search.bridge = link.index;
	if (route_each(session->route, compare_route, &search, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (network->subnets[i].base.family && !search.found[i])
			tell(doubt, "the bridge %s has no address in %s", network->bridge,
			     subnet_format(&network->subnets[i], text));
	return 0;
}

static int check_endpoint(void *userdata, const struct endpoint_row *endpoint,
			  struct lxcri_error *err)
{
	struct doubt *doubt = userdata;
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_error gone = {};
	int r;

	if (!endpoint->interface ||
	    lxcri_container_open(doubt->engine, endpoint->container, &container, &gone) < 0 ||
	    !is_alive(container))
		return 0;
	r = attach_check(doubt->engine, endpoint, container->state.pid, doubt->fault,
			 doubt->userdata, err);
	doubt->count += r > 0 ? r : 0;
	return r < 0 && !has_ended(container, err) ? -1 : 0;
}

static int check_host(struct lxcri_engine *engine, const struct network_row *network,
		      struct doubt *doubt, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	int wanted;
	int loaded;
	int found;

	if (session_begin(engine, &session, err) < 0)
		return -1;
	wanted = is_wanted(&session, network, err);
	if (wanted <= 0)
		return wanted;
	loaded = ruleset_is_loaded(session.rules, err);
	if (loaded < 0 || check_bridge(&session, network, doubt, err) < 0)
		return -1;
	if (!loaded)
		tell(doubt, "the rules of nftables are not there");
	found = session_find_barriers(&session, network, doubt->fault, doubt->userdata, err);
	doubt->count += found > 0 ? found : 0;
	return found < 0 ? -1 : 0;
}

int lxcri_network_health(struct lxcri_engine *engine, const char *name,
			 lxcri_network_fault_fn fault, void *userdata, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	autorun(network_row_finish) struct network_row network = {};
	struct doubt doubt = { engine, fault, userdata, 0 };

	if (network_get(engine, name, &network, err) < 0 ||
	    check_host(engine, &network, &doubt, err) < 0 ||
	    endpoint_list_read(engine->database, NULL, name, &endpoints, err) < 0)
		return -1;
	for (size_t i = 0; i < endpoints.count; i++)
		if (check_endpoint(&doubt, &endpoints.items[i], err) < 0)
			return -1;
	return doubt.count;
}

int lxcri_network_statistics(struct lxcri_engine *engine, const char *name,
			     struct lxcri_bridge_statistics *ret, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	autorun(network_row_finish) struct network_row network = {};
	struct link link;
	int count;
	int r;

	if (session_begin(engine, &session, err) < 0 ||
	    network_get(engine, name, &network, err) < 0)
		return -1;
	r = link_find(session.route, network.bridge, &link, err);
	count = endpoints_count_attached(session.database, name, NULL, err);
	if (r <= 0 || count < 0)
		return r < 0 || count < 0 ? -1
					  : fail(err, LXCRI_E_BRIDGE_NOT_FOUND,
						 "the bridge %s of the network %s is not there",
						 network.bridge, name);
	*ret = (struct lxcri_bridge_statistics){
		.rx_bytes = link.rx_bytes,
		.rx_packets = link.rx_packets,
		.rx_dropped = link.rx_dropped,
		.tx_bytes = link.tx_bytes,
		.tx_packets = link.tx_packets,
		.tx_dropped = link.tx_dropped,
		.containers = (unsigned int)count,
	};
	return 0;
}
