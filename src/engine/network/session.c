/* SPDX-License-Identifier: MIT */
/* Changing the network of the host. */

#include "engine/network/session.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/lan/lan_rules.h"
#include "engine/network/forwarding.h"
#include "engine/network/instance.h"
#include "engine/virtual/virtual_rules.h"
#include "net/firewall.h"
#include "net/veth.h"
#include "os/network/netns.h"

#include <linux/netlink.h>
#include <string.h>

int session_begin(struct lxcri_engine *engine, struct session *ret, struct lxcri_error *err)
{
	struct session session = SESSION_NULL;
	autofree char *table = instance_table(engine);
	int r;

	session.engine = engine;
	session.database = engine_database(engine, err);
	if (!session.database)
		return -1;
	session.lock = netns_lock();
	if (session.lock < 0)
		return fail_errno(err, session.lock, "lock the network of the host");
	r = netlink_open(NETLINK_ROUTE, &session.route);
	if (r < 0)
		r = fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				    "reach the network of the host");
	if (r == 0)
		r = ruleset_open(table, &session.rules, err);
	if (r < 0) {
		session_end(&session);
		return -1;
	}
	*ret = session;
	return 0;
}

void session_end(struct session *session)
{
	closep(&session->lock);
	netlink_free(session->route);
	/* To close what rules were removed by takes until every processor has passed through the
	 * scheduler, which they mostly have by the time that the engine, or another session, ends.
	 */
	if (session->rules) {
		ruleset_free(session->engine->spent);
		session->engine->spent = session->rules;
	}
	*session = SESSION_NULL;
}

int session_describe_bridge(const struct session *session, const struct network_row *network,
			    struct bridge *ret, char **ret_alias, struct lxcri_error *err)
{
	struct network_options options;

	if (network_options_parse(network->options, &options, err) < 0)
		return -1;
	*ret_alias = instance_alias(session->engine, network->name);
	*ret = (struct bridge){
		.name = network->bridge,
		.alias = *ret_alias,
		.mtu = options.mtu,
		.vlan = options.vlan,
		.stp = options.stp,
		.vlan_filtering = options.vlan_filtering || options.vlan > 0,
		.multicast_snooping = options.multicast_snooping,
	};
	/* No container is called so. */
	instance_mac(session->engine, network->name, "", 0, ret->mac);
	for (int i = 0; i < 2; i++) {
		ret->gateways[i] = network_gateway(network, i);
		ret->prefixes[i] = network->subnets[i].prefix;
		ret->services[i] = network->services[i];
	}
	return 0;
}

/* Collects the rules about a network. */
static void change_network(struct session *session, enum ruleset_change change,
			   const struct network_options *options, const struct network_row *row)
{
	struct ruleset_network network = { .bridge = row->bridge,
					   .isolated = options->isolate_ports };

	for (int i = 0; i < 2; i++)
		network.gateways[i] = network_gateway(row, i);
	ruleset_change_network(session->rules, change, &network);
}

void session_change_endpoint(struct session *session, enum ruleset_change change,
			     const struct network_options *options,
			     const struct endpoint_row *endpoint)
{
	struct ruleset_endpoint rule = { .interface = endpoint->interface,
					 .may_spoof = options->may_spoof };

	memcpy(rule.mac, endpoint->mac, sizeof(rule.mac));
	memcpy(rule.addresses, endpoint->addresses, sizeof(rule.addresses));
	ruleset_change_endpoint(session->rules, change, &rule);
}

/* The loopback is not the kernel's to pass on. */
static bool is_loopback(const struct address *address)
{
	static const unsigned char six[16] = { [15] = 1 };

	return address->family == AF_INET    ? address->bytes[0] == 127
	       : address->family == AF_INET6 ? memcmp(address->bytes, six, sizeof(six)) == 0
					     : false;
}

void session_change_port(struct session *session, enum ruleset_change change,
			 const struct port_row *port, const struct endpoint_row *endpoint)
{
	for (int i = 0; i < 2; i++) {
		const struct ruleset_port rule = { .protocol = port->protocol,
						   .host = port->host,
						   .host_port = port->host_port,
						   .target = endpoint->addresses[i],
						   .target_port = port->container_port };

		if (!rule.target.family || is_loopback(&rule.host) ||
		    (rule.host.family && rule.host.family != rule.target.family))
			continue;
		ruleset_change_port(session->rules, change, &rule);
	}
}

/* Sets rules from rows. */
struct setter {
	struct session *session;
	struct network_options options;
	bool is_used; /* a network that has a bridge */
};

/* A container whose ports are set. */
struct publisher {
	struct session *session;
	const struct endpoint_row *endpoint;
};

static int set_port(void *userdata, const struct port_row *row, struct lxcri_error *err)
{
	const struct publisher *publisher = userdata;

	session_change_port(publisher->session, RULESET_ADD, row, publisher->endpoint);
	return 0;
}

static int set_endpoint(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	struct setter *setter = userdata;
	struct publisher publisher = { setter->session, row };

	if (!row->interface)
		return 0;
	setter->is_used = true;
	session_change_endpoint(setter->session, RULESET_ADD, &setter->options, row);
	if (row->position > 0)
		return 0;
	return ports_each(setter->session->database, row->container, set_port, &publisher, err) < 0
		       ? -1
		       : 0;
}

static int set_network(void *userdata, const struct network_row *row, struct lxcri_error *err)
{
	struct setter setter = { .session = userdata };

	if (network_options_parse(row->options, &setter.options, err) < 0)
		return -1;
	if (endpoints_each(setter.session->database, NULL, row->name, set_endpoint, &setter, err) <
	    0)
		return -1;
	if (setter.is_used || !setter.options.implicit)
		change_network(setter.session, RULESET_ADD, &setter.options, row);
	return 0;
}

/* What services need costs some milliseconds, which a host without any does not pay. */
static int load_rules(struct session *session, struct lxcri_error *err)
{
	int loaded = ruleset_is_loaded(session->rules, err);
	int wanted = services_have_virtual(session->database, err);
	int there;

	if (loaded < 0 || wanted < 0 || (loaded == 0 && ruleset_load(session->rules, err) < 0))
		return -1;
	there = ruleset_has_services(session->rules, err);
	if (there < 0)
		return -1;
	return wanted && !there ? ruleset_load_services(session->rules, err) : 0;
}

int session_set_rules(struct session *session, struct lxcri_error *err)
{
	if (load_rules(session, err) < 0 || ruleset_has_services(session->rules, err) < 0)
		return -1;
	ruleset_clear(session->rules);
	if (networks_each(session->database, set_network, session, err) < 0 ||
	    lan_rules_set(session, err) < 0 || virtual_rules_set_all(session, err) < 0)
		return -1;
	return ruleset_commit(session->rules, err);
}

/* Who is told of barriers. */
struct teller {
	const char *bridge;
	lxcri_network_fault_fn fault;
	void *userdata;
};

static void tell_barrier(void *userdata, const struct firewall_barrier *barrier)
{
	const struct teller *teller = userdata;
	autofree char *rule = xformat("nft insert rule %s %s %s iifname %s", barrier->family,
				      barrier->table, barrier->chain, teller->bridge);
	autofree char *text =
		barrier->is_input
			? xformat("the chain %s of the table %s %s, which is not ours, drops what "
				  "comes to the host; containers are told names by: %s meta "
				  "l4proto { tcp, udp } th dport 53 accept",
				  barrier->chain, barrier->family, barrier->table, rule)
			: xformat("the chain %s of the table %s %s, which is not ours, drops what "
				  "is passed on; containers are reached and reach others by: %s "
				  "accept, and the same with oifname",
				  barrier->chain, barrier->family, barrier->table, rule);

	teller->fault(teller->userdata, text);
}

int session_find_barriers(struct session *session, const struct network_row *network,
			  lxcri_network_fault_fn fault, void *userdata, struct lxcri_error *err)
{
	struct teller teller = { network->bridge, fault, userdata };
	autofree char *table = instance_table(session->engine);

	return firewall_find(table, network->bridge, tell_barrier, &teller, err);
}

static void warn(void *userdata, const char *text)
{
	log_warning("%s", text);
}

int session_bring_up(struct session *session, const struct network_row *network,
		     unsigned int *ret_bridge, struct lxcri_error *err)
{
	struct network_options options;
	struct bridge bridge;
	autofree char *alias = NULL;
	struct lxcri_error ignored = {};
	struct link link;
	int loaded = ruleset_is_loaded(session->rules, err);
	int there;

	if (loaded < 0 || network_options_parse(network->options, &options, err) < 0 ||
	    session_describe_bridge(session, network, &bridge, &alias, err) < 0 ||
	    forwarding_enable(network->subnets[1].base.family != 0, err) < 0)
		return -1;
	if (loaded == 0 && session_set_rules(session, err) < 0)
		return -1;
	/* Before there is anything that they are about. */
	change_network(session, RULESET_ADD, &options, network);
	if (ruleset_commit(session->rules, err) < 0)
		return -1;
	there = link_find(session->route, network->bridge, &link, err);
	if (there < 0 || bridge_ensure(session->route, &bridge, ret_bridge, err) < 0)
		return -1;
	/* Told once: it may be meant so. */
	if (there == 0)
		(void)session_find_barriers(session, network, warn, NULL, &ignored);
	return 0;
}

static int drop_services(struct session *session, const char *network, struct lxcri_error *err)
{
	autorun(service_list_finish) struct service_list services = {};

	if (service_list_read(session->database, network, &services, err) < 0)
		return -1;
	for (size_t i = 0; i < services.count; i++)
		if (virtual_rules_drop(session, &services.items[i], NULL, err) < 0)
			return -1;
	return 0;
}

int session_remove_network(struct session *session, const struct network_row *network,
			   struct lxcri_error *err)
{
	autofree char *alias = instance_alias(session->engine, network->name);
	struct network_options options;
	int loaded = ruleset_is_loaded(session->rules, err);

	if (loaded < 0 || network_options_parse(network->options, &options, err) < 0 ||
	    bridge_remove(session->route, network->bridge, alias, err) < 0)
		return -1;
	if (loaded == 0)
		return 0;
	if (drop_services(session, network->name, err) < 0)
		return -1;
	change_network(session, RULESET_REMOVE, &options, network);
	return ruleset_commit(session->rules, err);
}

/* What would keep the rules. */
struct keeper {
	struct session *session;
	const char *without; /* a container */
	bool found;
};

static int look_for_use(void *userdata, const struct network_row *row, struct lxcri_error *err)
{
	struct keeper *keeper = userdata;
	struct network_options options;
	int count = endpoints_count_attached(keeper->session->database, row->name, keeper->without,
					     err);

	if (count < 0 || network_options_parse(row->options, &options, err) < 0)
		return -1;
	keeper->found |= count > 0 || !options.implicit;
	return 0;
}

int session_tidy(struct session *session, const char *container, struct lxcri_error *err)
{
	struct keeper keeper = { session, container, false };
	int loaded;

	if (networks_each(session->database, look_for_use, &keeper, err) < 0)
		return -1;
	if (keeper.found)
		return 0;
	loaded = lan_rules_are_needed(session, container, err);
	if (loaded != 0)
		return loaded < 0 ? -1 : 0;
	loaded = ruleset_is_loaded(session->rules, err);
	return loaded > 0 ? ruleset_unload(session->rules, err) : loaded;
}

int session_take_down(struct session *session, const struct network_row *network,
		      const char *container, struct lxcri_error *err)
{
	struct network_options options;
	int count = endpoints_count_attached(session->database, network->name, container, err);

	if (count < 0 || network_options_parse(network->options, &options, err) < 0)
		return -1;
	if (count > 0 || !options.implicit)
		return 0;
	if (session_remove_network(session, network, err) < 0)
		return -1;
	return session_tidy(session, container, err);
}

/* Whose ports are isolated, or not. */
struct isolation {
	struct session *session;
	bool isolated;
};

static int set_isolation(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	const struct isolation *isolation = userdata;

	return row->interface ? veth_set_isolation(isolation->session->route, row->interface,
						   isolation->isolated, err)
			      : 0;
}

int session_set_ports(struct session *session, const struct network_row *network,
		      struct lxcri_error *err)
{
	struct isolation isolation = { .session = session };
	struct network_options options;

	if (network_options_parse(network->options, &options, err) < 0)
		return -1;
	isolation.isolated = options.isolate_ports;
	return endpoints_each(session->database, NULL, network->name, set_isolation, &isolation,
			      err) < 0
		       ? -1
		       : 0;
}
