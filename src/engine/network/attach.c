/* SPDX-License-Identifier: MIT */
/* A container's way into its networks and out of them. */

#include "engine/network/attach.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/database/services.h"
#include "engine/lan/lan.h"
#include "engine/network/endpoint.h"
#include "engine/network/forwarding.h"
#include "engine/network/pool.h"
#include "engine/network/proxy.h"
#include "engine/network/publish.h"
#include "engine/network/rows.h"
#include "engine/network/session.h"
#include "engine/virtual/virtual_rules.h"
#include "net/route.h"
#include "net/veth.h"
#include "os/network/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/random.h>

/* What somebody else's interface is called by chance is tried again. */
#define NAME_ATTEMPTS 8

/* A new name each time: the interface of the last run may be there for some moments still. It
 * begins with "veth", which Proxmox VE's tools leave alone, but not as those of its own containers
 * do. */
static int choose_interface(struct endpoint_row *endpoint, struct lxcri_error *err)
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail_errno(err, errno, "make a random name");
	free(endpoint->interface);
	endpoint->interface = xformat("vethx%08x", random);
	return 0;
}

/* Moves a network that nobody asked for by name to other addresses: the host has got a route since
 * that takes those that it had. Nobody uses them: its bridge is not there. */
static int renumber(struct session *session, struct network_row *network, const char *why,
		    struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	const struct subnet before[2] = { network->subnets[0], network->subnets[1] };

	log_warning("network %s gets other addresses: %s", network->name, why);
	if (pool_choose(session->engine, session->route, network->name, network->subnets, err) <
		    0 ||
	    endpoint_list_read(session->database, NULL, network->name, &endpoints, err) < 0 ||
	    networks_put(session->database, network, err) < 0)
		return -1;
	for (size_t i = 0; i < endpoints.count; i++) {
		struct endpoint_row *endpoint = &endpoints.items[i];

		for (int family = 0; family < 2; family++) {
			uint32_t number =
				subnet_host_number(&before[family], &endpoint->addresses[family]);

			endpoint->addresses[family] =
				number && network->subnets[family].base.family
					? subnet_host(&network->subnets[family], number)
					: (struct address){};
		}
		if (endpoints_put(session->database, endpoint, err) < 0)
			return -1;
	}
	return 0;
}

/* Looks whether the subnets of a network are still free, when its bridge is not there. */
static int check_subnets(struct session *session, struct network_row *network,
			 struct lxcri_error *err)
{
	autofree char *why = NULL;
	struct network_options options;
	struct link link;
	int r = link_find(session->route, network->bridge, &link, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (network_options_parse(network->options, &options, err) < 0)
		return -1;
	r = pool_check(session->engine, session->route, network, &why, err);
	if (r <= 0)
		return r;
	if (!options.implicit)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED, "network %s: its %s", network->name,
			    why);
	return renumber(session, network, why, err);
}

/* Makes one endpoint ready, in the database. */
static int plan_one(struct session *session, const char *container, const char *name,
		    struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	autorun(network_row_finish) struct network_row network = {};
	struct endpoint_row *endpoint;

	if (network_get(session->engine, name, &network, err) < 0 ||
	    check_subnets(session, &network, err) < 0 ||
	    endpoint_list_read(session->database, container, name, &endpoints, err) < 0)
		return -1;
	if (endpoints.count == 0)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "container %s is not in the network %s", container, name);
	endpoint = &endpoints.items[0];
	if (endpoint_fill_addresses(session->database, &network, endpoint, err) < 0 ||
	    choose_interface(endpoint, err) < 0)
		return -1;
	return endpoints_put(session->database, endpoint, err);
}

/* What another container or a program has taken since it last ran is told before anything is made.
 */
static int check_ports(struct session *session, const struct endpoint_list *endpoints,
		       struct lxcri_error *err)
{
	autorun(port_list_finish) struct port_list ports = {};

	if (endpoints->count == 0 || endpoints->items[0].position > 0)
		return 0;
	if (port_list_read(session->database, endpoints->items[0].container, &ports, err) < 0)
		return -1;
	for (size_t i = 0; i < ports.count; i++)
		if (publish_check(session->engine, &ports.items[i], err) < 0)
			return -1;
	return 0;
}

/* Writes down what is going to be made. */
static int plan(struct session *session, const struct endpoint_list *endpoints,
		struct lxcri_error *err)
{
	if (check_ports(session, endpoints, err) < 0 || database_begin(session->database, err) < 0)
		return -1;
	for (size_t i = 0; i < endpoints->count; i++)
		if (plan_one(session, endpoints->items[i].container, endpoints->items[i].network,
			     err) < 0) {
			database_roll_back(session->database);
			return -1;
		}
	return database_commit(session->database, err);
}

/* Collects the rules about the ports of a container that has @first as its first endpoint. */
static int change_ports(struct session *session, enum ruleset_change change,
			const struct endpoint_row *first, struct lxcri_error *err)
{
	autorun(port_list_finish) struct port_list ports = {};

	if (port_list_read(session->database, first->container, &ports, err) < 0)
		return -1;
	for (size_t i = 0; i < ports.count; i++)
		session_change_port(session, change, &ports.items[i], first);
	return 0;
}

/* Makes what the host needs for one endpoint. */
static int bring_up_one(struct session *session, const struct endpoint_row *endpoint,
			struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row network = {};
	struct network_options options;
	unsigned int bridge;

	if (network_get(session->engine, endpoint->network, &network, err) < 0 ||
	    network_options_parse(network.options, &options, err) < 0 ||
	    session_bring_up(session, &network, &bridge, err) < 0)
		return fail_while(err, "network %s", endpoint->network);
	session_change_endpoint(session, RULESET_ADD, &options, endpoint);
	if (endpoint->position == 0 && change_ports(session, RULESET_ADD, endpoint, err) < 0)
		return -1;
	return ruleset_commit(session->rules, err);
}

static int prepare(struct session *session, const char *container, const char *network,
		   struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list before = {};
	autorun(endpoint_list_finish) struct endpoint_list planned = {};

	if (endpoint_list_read(session->database, container, network, &before, err) < 0 ||
	    (!network && lan_prepare(session, container, err) < 0) ||
	    plan(session, &before, err) < 0 ||
	    endpoint_list_read(session->database, container, network, &planned, err) < 0)
		return -1;
	for (size_t i = 0; i < planned.count; i++)
		if (bring_up_one(session, &planned.items[i], err) < 0)
			return -1;
	return 0;
}

int attach_prepare(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;

	if (!container->record.networked)
		return 0;
	if (session_begin(container->engine, &session, err) < 0)
		return -1;
	return prepare(&session, container->home.id, NULL, err);
}

/* Puts the interface of @endpoint into @netns. Its name in the row is changed when it is taken. */
static int plug_veth(struct session *session, struct endpoint_row *endpoint,
		     const struct network_row *network, int netns, const char *peer,
		     struct lxcri_error *err)
{
	struct network_options options;
	struct link bridge;
	struct veth veth = { .peer_name = peer, .netns = netns };
	int r = link_find(session->route, network->bridge, &bridge, err);

	if (r < 0 || network_options_parse(network->options, &options, err) < 0)
		return -1;
	if (r == 0)
		return fail(err, LXCRI_E_BRIDGE_NOT_FOUND,
			    "the bridge %s of the network %s has gone", network->bridge,
			    network->name);
	memcpy(veth.mac, endpoint->mac, sizeof(veth.mac));
	veth.mtu = options.mtu;
	veth.bridge = bridge.index;
	veth.isolated = options.isolate_ports;
	veth.hairpin = forwarding_is_bridged();
	for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
		veth.name = endpoint->interface;
		r = veth_create(session->route, &veth, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
		session_change_endpoint(session, RULESET_REMOVE, &options, endpoint);
		if (choose_interface(endpoint, err) < 0 ||
		    endpoints_put(session->database, endpoint, err) < 0)
			return -1;
		session_change_endpoint(session, RULESET_ADD, &options, endpoint);
		if (ruleset_commit(session->rules, err) < 0)
			return -1;
	}
	return fail(err, LXCRI_E_CONFIGURATION_FAILED, "every name of an interface is taken");
}

/* Puts this end of an interface right that is there. Returns 1, or 0 when it is not. */
static int repair_veth(struct session *session, const struct endpoint_row *endpoint,
		       const struct network_row *network, struct netlink *theirs, const char *peer,
		       struct lxcri_error *err)
{
	struct veth veth = { .name = endpoint->interface };
	struct network_options options;
	struct link inside;
	struct link outside;
	struct link bridge;
	int r = link_find(theirs, peer, &inside, err);

	if (r > 0)
		r = link_find_index(session->route, inside.peer, &outside, err);
	if (r <= 0)
		return r;
	r = link_find(session->route, network->bridge, &bridge, err);
	if (r <= 0 || network_options_parse(network->options, &options, err) < 0)
		return r < 0 ? -1
			     : fail(err, LXCRI_E_BRIDGE_NOT_FOUND, "the bridge %s has gone",
				    network->bridge);
	veth.bridge = bridge.index;
	veth.isolated = options.isolate_ports;
	veth.hairpin = forwarding_is_bridged();
	return veth_repair(session->route, &outside, &veth, err) < 0 ? -1 : 1;
}

/* Makes one interface of the container, addresses and all, unless it is there. The first one has
 * the default route. */
static int plug_one(struct session *session, struct endpoint_row *endpoint, int netns,
		    struct netlink *theirs, struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row network = {};
	autofree char *name = xformat("eth%u", endpoint->position);
	struct interface interface = { .name = name };
	int there;

	if (network_get(session->engine, endpoint->network, &network, err) < 0)
		return -1;
	there = repair_veth(session, endpoint, &network, theirs, name, err);
	if (there < 0 ||
	    (there == 0 && plug_veth(session, endpoint, &network, netns, name, err) < 0))
		return -1;
	for (int i = 0; i < 2; i++) {
		interface.addresses[i] = endpoint->addresses[i];
		interface.prefixes[i] = network.subnets[i].prefix;
		if (endpoint->position == 0 && endpoint->addresses[i].family)
			interface.gateways[i] = network_gateway(&network, i);
		/* The first one has the way to everything. */
		if (endpoint->position > 0 && endpoint->addresses[i].family) {
			interface.subnets[i] = network.services[i];
			interface.ways[i] = network_gateway(&network, i);
		}
	}
	return route_configure(theirs, &interface, err);
}

/* Opens the container's namespace, which cannot be the host's. */
static int open_netns(pid_t pid, struct lxcri_error *err)
{
	autoclose int netns = netns_open(pid);
	int own = netns < 0 ? netns : netns_is_own(netns);

	if (own < 0)
		return fail_errno(err, own, "open the network namespace of process %d", (int)pid);
	if (own)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "process %d has no network namespace of its own", (int)pid);
	return steal_fd(&netns);
}

/* @network may be NULL for all that the container has; then *@ret_made tells whether an interface
 * on the LAN was made. */
static int plug(struct session *session, const char *container, const char *network, int netns,
		bool *ret_made, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	autoptr(netlink) theirs = NULL;
	int r;

	if (endpoint_list_read(session->database, container, network, &endpoints, err) < 0)
		return -1;
	r = netns_open_netlink(netns, NETLINK_ROUTE, &theirs);
	if (r < 0)
		return fail_errno(err, r, "enter the network namespace of container %s", container);
	for (size_t i = 0; i < endpoints.count; i++)
		if (plug_one(session, &endpoints.items[i], netns, theirs, err) < 0)
			return fail_while(err, "network %s", endpoints.items[i].network);
	return network ? 0 : lan_plug(session, container, LAN_ALL, netns, ret_made, err);
}

/* Puts all interfaces there. */
static int plug_all(struct lxcri_container *container, int netns, bool *ret_made,
		    struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;

	return session_begin(container->engine, &session, err) < 0
		       ? -1
		       : plug(&session, container->home.id, NULL, netns, ret_made, err);
}

int attach_plug(struct lxcri_container *container, pid_t pid, struct lxcri_error *err)
{
	autoclose int netns = -1;

	if (!container->record.networked)
		return 0;
	netns = open_netns(pid, err);
	if (netns < 0 || plug_all(container, netns, NULL, err) < 0 ||
	    lan_lease(container, LAN_ALL, err) < 0)
		return -1;
	return proxy_start(container, pid, err);
}

int attach_plug_pod(struct lxcri_container *pod, int netns, struct lxcri_error *err)
{
	if (!pod->record.networked)
		return 0;
	if (plug_all(pod, netns, NULL, err) < 0)
		return -1;
	return proxy_is_running(pod->home.run_fd) ? 0 : proxy_start(pod, 0, err);
}

int attach_repair(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	autoclose int netns = open_netns(container->state.pid, err);
	bool made = false;

	if (netns < 0 || session_begin(container->engine, &session, err) < 0 ||
	    plug(&session, container->home.id, NULL, netns, &made, err) < 0)
		return -1;
	session_end(&session);
	return made ? lan_lease(container, LAN_ALL, err) : 0;
}

/* What is looked at of one interface. */
struct look {
	struct link inside;
	struct link outside;
	struct link bridge;
	bool has_inside, has_outside, has_bridge;
};

static int look(struct session *session, const struct endpoint_row *endpoint, pid_t pid,
		struct look *ret, struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row network = {};
	autofree char *name = xformat("eth%u", endpoint->position);
	autoptr(netlink) theirs = NULL;
	autoclose int netns = open_netns(pid, err);
	int r = netns < 0 ? netns : netns_open_netlink(netns, NETLINK_ROUTE, &theirs);

	if (netns < 0)
		return -1;
	if (r < 0)
		return fail_errno(err, r, "enter the network namespace of container %s",
				  endpoint->container);
	if (network_get(session->engine, endpoint->network, &network, err) < 0)
		return -1;
	r = link_find(theirs, name, &ret->inside, err);
	ret->has_inside = r > 0;
	if (r > 0)
		r = link_find_index(session->route, ret->inside.peer, &ret->outside, err);
	ret->has_outside = r > 0;
	if (r >= 0)
		r = link_find(session->route, network.bridge, &ret->bridge, err);
	ret->has_bridge = r > 0;
	return r < 0 ? -1 : 0;
}

int attach_check(struct lxcri_engine *engine, const struct endpoint_row *endpoint, pid_t pid,
		 lxcri_network_fault_fn fault, void *userdata, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	struct look seen = {};
	autofree char *text = NULL;
	const char *what = NULL;

	if (session_begin(engine, &session, err) < 0 ||
	    look(&session, endpoint, pid, &seen, err) < 0)
		return -1;
	if (!seen.has_inside)
		what = "has no interface in it";
	else if (!seen.has_outside || strcmp(seen.outside.name, endpoint->interface) != 0)
		what = "has lost the name of its interface on the host";
	else if (!seen.inside.is_up || !seen.outside.is_up)
		what = "has an interface that is down";
	else if (seen.has_bridge && seen.outside.master != seen.bridge.index)
		what = "has an interface that is not in the bridge";
	if (!what)
		return 0;
	text = xformat("container %s %s (network %s)", endpoint->container, what,
		       endpoint->network);
	fault(userdata, text);
	return 1;
}

int attach_one(struct lxcri_container *container, const char *network, pid_t pid,
	       struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	autoclose int netns = open_netns(pid, err);

	if (netns < 0 || session_begin(container->engine, &session, err) < 0 ||
	    prepare(&session, container->home.id, network, err) < 0)
		return -1;
	return plug(&session, container->home.id, network, netns, NULL, err);
}

/* Takes back what one endpoint has on the host. What is not there is fine. */
static int take_down_one(struct session *session, struct endpoint_row *endpoint,
			 struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row network = {};
	struct network_options options;
	int loaded = ruleset_is_loaded(session->rules, err);

	if (loaded < 0 || network_get(session->engine, endpoint->network, &network, err) < 0 ||
	    network_options_parse(network.options, &options, err) < 0)
		return -1;
	if (loaded) {
		session_change_endpoint(session, RULESET_REMOVE, &options, endpoint);
		if (endpoint->position == 0 &&
		    change_ports(session, RULESET_REMOVE, endpoint, err) < 0)
			return -1;
		if (virtual_rules_leave(session, endpoint->container, err) < 0 ||
		    ruleset_commit(session->rules, err) < 0)
			return -1;
	}
	return session_take_down(session, &network, endpoint->container, err);
}

static int forget(struct session *session, struct endpoint_row *endpoint, struct lxcri_error *err)
{
	freep(&endpoint->interface);
	if (!endpoint->persistent)
		memset(endpoint->addresses, 0, sizeof(endpoint->addresses));
	if (members_note_gone(session->database, endpoint->container, err) < 0)
		return -1;
	return endpoints_put(session->database, endpoint, err);
}

/* Removes this end of an interface, which takes the other one along. */
static int unplug(struct netlink *route, const struct endpoint_row *endpoint,
		  struct lxcri_error *err)
{
	struct link link;
	int r = link_find(route, endpoint->interface, &link, err);

	return r > 0 ? link_remove(route, link.index, err) : r;
}

/* Removes the interfaces of a pod, whose namespace may be held by somebody's copy of its mount. The
 * kernel waits for every processor then, several times: not under the lock of the network, for
 * which others wait. They are the pod's alone, and its lock is held. */
static int unplug_all(const struct endpoint_list *endpoints, struct lxcri_error *err)
{
	autoptr(netlink) route = NULL;
	int r = netlink_open(NETLINK_ROUTE, &route);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "reach the network of the host");
	for (size_t i = 0; i < endpoints->count; i++)
		if (endpoints->items[i].interface && unplug(route, &endpoints->items[i], err) < 0)
			return fail_while(err, "network %s", endpoints->items[i].network);
	return 0;
}

static int release(struct session *session, const char *container, enum attach_end end,
		   struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};

	if (endpoint_list_read(session->database, container, NULL, &endpoints, err) < 0)
		return -1;
	for (size_t i = 0; i < endpoints.count; i++) {
		struct endpoint_row *endpoint = &endpoints.items[i];

		if (!endpoint->interface)
			continue;
		if (take_down_one(session, endpoint, err) < 0)
			return fail_while(err, "network %s", endpoint->network);
		/* Also of one that is about to go: who looks in between must not bring back what it
		 * had. */
		if (forget(session, endpoint, err) < 0)
			return -1;
	}
	return lan_release(session, container, end, err);
}

static int note_interface(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	*(bool *)userdata |= row->interface != NULL;
	return 0;
}

int attach_is_needed(struct lxcri_engine *engine, const char *container, struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);
	bool found = false;

	if (!database || endpoints_each(database, container, NULL, note_interface, &found, err) < 0)
		return -1;
	return found ? 1 : lan_is_attached(database, container, err);
}

/* The ports are free when the container has stopped, not some moments later. */
static int end_proxy(struct lxcri_engine *engine, const char *container, struct lxcri_error *err)
{
	autofree char *path = engine_run_dir(engine, container);
	autoclose int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return directory < 0 ? 0 : proxy_stop(directory, err);
}

int attach_release(struct lxcri_engine *engine, const char *container, enum attach_end end,
		   struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	int needed = attach_is_needed(engine, container, err);

	if (needed <= 0)
		return needed;
	if (end_proxy(engine, container, err) < 0 || session_begin(engine, &session, err) < 0 ||
	    (end == ATTACH_POD &&
	     endpoint_list_read(session.database, container, NULL, &endpoints, err) < 0) ||
	    release(&session, container, end, err) < 0)
		return -1;
	session_end(&session);
	/* Last: meanwhile the kernel forgets the rules, for which the end of the session waits. */
	return end == ATTACH_POD ? unplug_all(&endpoints, err) : 0;
}

int attach_release_one(struct lxcri_engine *engine, const char *container, const char *network,
		       struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};

	if (session_begin(engine, &session, err) < 0 ||
	    endpoint_list_read(session.database, container, network, &endpoints, err) < 0)
		return -1;
	for (size_t i = 0; i < endpoints.count; i++) {
		struct endpoint_row *endpoint = &endpoints.items[i];

		if (endpoint->interface && (unplug(session.route, endpoint, err) < 0 ||
					    take_down_one(&session, endpoint, err) < 0))
			return -1;
	}
	return endpoints_delete(session.database, container, network, err);
}
