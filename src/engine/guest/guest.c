/* SPDX-License-Identifier: MIT */
/* Guests of our name server. */

#include "engine/guest/guest.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "config/config.h"
#include "engine/ct/ct_node.h"
#include "engine/ct/ct_volume.h"
#include "engine/lan/lan_spec.h"
#include "engine/service/demand.h"
#include "net/dns/dns_message.h"
#include "os/network/listener.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME_SERVER "lxcri-dns"
/* How long a name server is waited for whose service has ended. */
#define REMNANT_NS NS_IN_SECOND

/* An address that this host has. */
struct own {
	struct address address;
	struct subnet subnet;
};

/* Reads a socket's address. Returns false for what is none. */
static bool take(const struct sockaddr *from, struct address *ret)
{
	*ret = (struct address){};
	if (!from || (from->sa_family != AF_INET && from->sa_family != AF_INET6))
		return false;
	ret->family = from->sa_family;
	if (from->sa_family == AF_INET)
		memcpy(ret->bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
	else
		memcpy(ret->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	return true;
}

static unsigned int count_bits(const struct address *mask)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < address_size(mask); i++)
		bits += (unsigned int)__builtin_popcount(mask->bytes[i]);
	return bits;
}

static bool read_own(const struct ifaddrs *entry, struct own *ret)
{
	struct address mask;

	if (!take(entry->ifa_addr, &ret->address) || !take(entry->ifa_netmask, &mask))
		return false;
	mask.family = ret->address.family;
	ret->subnet.base = ret->address;
	ret->subnet.prefix = count_bits(&mask);
	for (size_t i = 0; i < address_size(&mask); i++)
		ret->subnet.base.bytes[i] &= mask.bytes[i];
	/* One that is of the link alone needs its name besides, which no resolv.conf has portably.
	 */
	return ret->address.family == AF_INET ||
	       !(ret->address.bytes[0] == 0xfe && (ret->address.bytes[1] & 0xc0) == 0x80);
}

/* Tells whether a container as @spec says reaches @own without a gateway. By DHCP it is where the
 * bridge's own address is. */
static bool is_near(const struct lan_spec *spec, const struct own *own)
{
	const struct address *fixed = &spec->addresses[own->address.family == AF_INET ? 0 : 1];

	if (fixed->family == 0)
		return own->address.family == AF_INET && spec->dhcp;
	return subnet_contains(&own->subnet, fixed) && !address_equals(&own->address, fixed);
}

/* Of IPv4 where there is one: the first. */
static bool choose(const struct ifaddrs *list, const struct lan_spec *spec, const char *device,
		   struct address *ret)
{
	bool found = false;

	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		struct own own;

		if (strcmp(entry->ifa_name, device) != 0 || !read_own(entry, &own) ||
		    !is_near(spec, &own) || (found && own.address.family != AF_INET))
			continue;
		*ret = own.address;
		found = true;
		if (own.address.family == AF_INET)
			break;
	}
	return found;
}

/* Tells whether somebody else than our own service waits there. */
static bool is_taken(const struct lxcri_engine *engine, const struct guest_row *guest,
		     struct listener *ret)
{
	pid_t service;

	if (!listener_find(guest->server.family, guest->server.bytes, DNS_PORT, ret))
		return false;
	service = demand_process(engine);
	return service <= 0 || !listener_is_of(ret, service);
}

/* Tells whether nobody else waits there, or soon will no more. */
static bool is_free(const struct lxcri_engine *engine, const struct guest_row *guest)
{
	const int64_t end = moment_now() + REMNANT_NS;
	const struct timespec pause = { 0, 20 * NS_IN_MS };
	struct listener listener;
	char name[LISTENER_NAME_MAX];
	char text[ADDRESS_TEXT_MAX];
	pid_t pid;

	for (;;) {
		if (!is_taken(engine, guest, &listener))
			return true;
		pid = listener_name(&listener, name);
		/* Whose sockets nobody has any more is just being closed. */
		if ((pid > 0 && strcmp(name, NAME_SERVER) != 0) || moment_now() >= end)
			break;
		(void)nanosleep(&pause, NULL);
	}
	log_warning("%s (%d) answers for names at %s on %s, so the container is told of no names "
		    "of ours",
		    name, (int)pid, address_format(&guest->server, text), guest->device);
	return false;
}

static int find_address(const char *network, struct guest_row *ret, struct lxcri_error *err)
{
	struct ifaddrs *list = NULL;
	struct lan_spec spec;
	bool found;
	int length;

	*ret = (struct guest_row){};
	if (!lan_spec_is(network))
		return 0;
	if (lan_spec_parse(network, &spec, err) < 0)
		return -1;
	length = spec.vlan > 0 ? snprintf(ret->device, sizeof(ret->device), "%s.%u", spec.parent,
					  spec.vlan)
			       : snprintf(ret->device, sizeof(ret->device), "%s", spec.parent);
	if (spec.kind != LAN_BRIDGE || length >= (int)sizeof(ret->device))
		return 0;
	if (getifaddrs(&list) < 0)
		return fail_errno(err, errno, "list the addresses of this host");
	found = choose(list, &spec, ret->device, &ret->server);
	freeifaddrs(list);
	memcpy(ret->addresses, spec.addresses, sizeof(ret->addresses));
	return found;
}

static int find_near(const struct lxcri_engine *engine, const char *const *networks,
		     struct guest_row *ret, struct lxcri_error *err)
{
	autofree char *bridge =
		xformat("bridge:%s", config_text(engine->config, CONFIG_PROXMOX_BRIDGE));
	const char *const usual[] = { bridge, NULL };
	int r = 0;

	if (!networks || !networks[0])
		networks = usual;
	for (size_t i = 0; r == 0 && networks[i]; i++) {
		r = find_address(networks[i], ret, err);
		/* Which ones it leases is found out of the first interface alone. */
		if (r > 0 && i > 0 &&
		    ret->addresses[ret->server.family == AF_INET ? 0 : 1].family == 0)
			r = 0;
	}
	return r;
}

static int choose_node(struct lxcri_engine *engine, const struct guest_wish *wish, char **ret,
		       struct lxcri_error *err)
{
	struct pve *pve = ct_session(engine, err);
	autorun(ct_target_finish) struct ct_target target = {};
	autofree char *node = NULL;

	if (!pve)
		return -1;
	for (size_t i = 0; !node && i < wish->n_volumes; i++) {
		autorun(ct_keeper_finish) struct ct_keeper keeper = {};
		const char *name = wish->volumes[i].source;

		if (!name || *name == '/')
			continue;
		if (ct_keeper_find(pve, name, &keeper, err) < 0)
			return -1;
		node = xstrdup(keeper.node);
	}
	if (ct_target_choose(engine, node, &target, err) < 0)
		return -1;
	*ret = steal(target.node);
	return 0;
}

/* Tells whether it will be on this host: 1 or 0. */
static int is_here(struct lxcri_engine *engine, const struct guest_wish *wish, char **node,
		   struct lxcri_error *err)
{
	const char *usual = config_text(engine->config, CONFIG_PROXMOX_NODE);
	autofree char *here = ct_node_here(engine);

	if (!here)
		return 0;
	if (!*node && !usual && choose_node(engine, wish, node, err) < 0)
		return -1;
	return strcmp(*node ? *node : usual, here) == 0;
}

int guest_find_server(struct lxcri_engine *engine, const struct guest_wish *wish, char **node,
		      struct guest_row *ret, struct lxcri_error *err)
{
	int r = find_near(engine, wish->networks, ret, err);

	/* What this host knows is looked at before the cluster is asked. */
	if (r > 0)
		r = is_here(engine, wish, node, err);
	return r > 0 ? is_free(engine, ret) : r;
}

void guest_demand_service(struct lxcri_engine *engine, const char *id)
{
	autorun(guest_list_finish) struct guest_list guests = {};
	struct database *database;
	struct lxcri_error err = {};
	int r = -1;

	database = engine_database(engine, &err);
	if (database)
		r = guest_list_read(database, id, &guests, &err);
	if (r == 0 && guests.count > 0)
		r = demand_service(engine, &err);
	if (r < 0)
		log_warning("names for %s: %s", id, err.text);
}
