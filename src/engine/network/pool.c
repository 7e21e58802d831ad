/* SPDX-License-Identifier: MIT */
/* Choosing subnets. */

#include "engine/network/pool.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "config/config.h"
#include "engine/network/instance.h"
#include "net/route.h"
#include "os/file.h"

#include <fcntl.h>
#include <string.h>

#define PREFIX4 24
#define PREFIX6 64

/* 4,094 services a network, and 256 networks with services. */
#define SERVICES_PREFIX4 20

/* A subnet that somebody has. */
struct busy {
	struct subnet subnet;
	unsigned int interface; /* 0: a network's of ours */
	char *name;             /* of that network */
};

struct busy_list {
	struct busy *items;
	size_t count;
	const char *except; /* a network */
};

static void busy_finish(struct busy_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].name);
	free(list->items);
}

static void add(struct busy_list *list, const struct subnet *subnet, unsigned int interface,
		const char *name)
{
	list->items = xreallocarray(list->items, list->count + 1, sizeof(list->items[0]));
	list->items[list->count++] = (struct busy){ *subnet, interface, xstrdup(name) };
}

static void add_route(void *userdata, const struct subnet *subnet, unsigned int interface)
{
	add(userdata, subnet, interface, NULL);
}

static int add_network(void *userdata, const struct network_row *row, struct lxcri_error *err)
{
	struct busy_list *list = userdata;

	for (size_t i = 0; i < 2; i++) {
		if (strcmp(row->name, list->except) != 0 && row->subnets[i].base.family)
			add(list, &row->subnets[i], 0, row->name);
		if (strcmp(row->name, list->except) != 0 && row->services[i].base.family)
			add(list, &row->services[i], 0, row->name);
	}
	return 0;
}

static int gather(struct lxcri_engine *engine, struct netlink *route, struct busy_list *list,
		  struct lxcri_error *err)
{
	if (route_each(route, add_route, list, err) < 0)
		return -1;
	return network_each(engine, add_network, list, err) < 0 ? -1 : 0;
}

/* Returns what overlaps @subnet and does not lead through @own, or NULL. */
static const struct busy *find_overlap(const struct busy_list *list, const struct subnet *subnet,
				       unsigned int own)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct busy *busy = &list->items[i];

		if (busy->interface != 0 && busy->interface == own)
			continue;
		if (subnet_overlaps(&busy->subnet, subnet))
			return busy;
	}
	return NULL;
}

/* Tells whether new interfaces of the host may have addresses of IPv6. */
static bool has_ipv6(void)
{
	autofree char *text = NULL;
	size_t size;

	return file_read(AT_FDCWD, "/proc/sys/net/ipv6/conf/default/disable_ipv6", 16, &text,
			 &size) == 0 &&
	       *text == '0';
}

/* A prefix that is this machine's own, as RFC 4193 wants it, and the subnet within it that goes
 * with the one of IPv4. */
struct subnet pool_subnet6(const char *name, const struct subnet *subnet4)
{
	autofree char *machine = NULL;
	struct subnet subnet = { .base = { .family = AF_INET6, .bytes = { 0xfd } },
				 .prefix = PREFIX6 };
	uint64_t sum = FNV_START;
	size_t size;

	if (!has_ipv6())
		return (struct subnet){};
	(void)file_read(AT_FDCWD, "/etc/machine-id", 256, &machine, &size);
	for (const char *c = machine ? machine : ""; *c; c++)
		sum = fnv_add(sum, (unsigned char)*c);
	for (int i = 0; i < 5; i++)
		subnet.base.bytes[1 + i] = (unsigned char)(sum >> 8 * i);
	subnet.base.bytes[6] = subnet4->base.bytes[1];
	subnet.base.bytes[7] = subnet4->base.bytes[2];
	return subnet;
}

/* Where to begin: instances that do not know of each other's stopped containers had better begin at
 * different places. */
static uint32_t first_index(const struct lxcri_engine *engine, const char *name, uint32_t count)
{
	char text[IFNAMSIZ];
	uint64_t sum = FNV_START;

	if (instance_is_usual(engine))
		return 0;
	instance_bridge(engine, name, text);
	for (const char *c = text; *c; c++)
		sum = fnv_add(sum, (unsigned char)*c);
	return (uint32_t)(sum % count);
}

/* What is looked for in a pool. */
struct search {
	const char *key;  /* of the configuration */
	const char *name; /* of the network */
	unsigned int prefix;
	const struct address *wanted; /* to be in it, or NULL */
	bool has_ipv6;
};

/* Finds a subnet of IPv4 in @pool, with the one of IPv6 that goes with it. Returns 1, or 0 when
 * none is free. */
static int find(const struct lxcri_engine *engine, const struct busy_list *list,
		const struct subnet *pool, const struct search *search, struct subnet ret[static 2])
{
	unsigned int prefix = pool->prefix > search->prefix ? pool->prefix : search->prefix;
	uint32_t count = subnet_count(pool, prefix);
	uint32_t first = first_index(engine, search->name, count);

	for (uint32_t i = 0; i < count; i++) {
		struct subnet subnet = subnet_nth(pool, prefix, (first + i) % count);
		struct subnet subnet6 =
			search->has_ipv6 ? pool_subnet6(search->name, &subnet) : (struct subnet){};

		if ((search->wanted && !subnet_contains(&subnet, search->wanted)) ||
		    find_overlap(list, &subnet, 0) ||
		    (subnet6.base.family && find_overlap(list, &subnet6, 0)))
			continue;
		ret[0] = subnet;
		ret[1] = subnet6;
		return 1;
	}
	return 0;
}

static int choose(struct lxcri_engine *engine, struct netlink *route, enum config_key key,
		  const struct search *search, struct subnet ret[static 2], struct lxcri_error *err)
{
	const char *text = config_text(engine->config, key);
	autorun(busy_finish) struct busy_list list = { .except = search->name };
	struct subnet pool;
	char wanted[ADDRESS_TEXT_MAX];

	if (subnet_parse(text, &pool) < 0)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED, "%s \"%s\" is no subnet",
			    search->key, text);
	/* What its own subnets are is busy for its services as well. */
	if (search->prefix == SERVICES_PREFIX4)
		list.except = "";
	if (gather(engine, route, &list, err) < 0)
		return -1;
	if (find(engine, &list, &pool, search, ret) > 0)
		return 0;
	if (search->wanted)
		return fail(
			err, LXCRI_E_CONFIGURATION_FAILED,
			"address %s is not in %s %s, or what is around it belongs to a route of "
			"the host or to another network",
			address_format(search->wanted, wanted), search->key, text);
	return fail(err, LXCRI_E_CONFIGURATION_FAILED,
		    "every subnet of %s %s overlaps a route of the host or another "
		    "network; choose another pool%s",
		    search->key, text,
		    search->prefix == SERVICES_PREFIX4 ? "" : ", or give the network a subnet");
}

int pool_choose(struct lxcri_engine *engine, struct netlink *route, const char *name,
		struct subnet ret[static 2], struct lxcri_error *err)
{
	const struct search search = {
		.key = "network.subnet_pool", .name = name, .prefix = PREFIX4, .has_ipv6 = true
	};

	return choose(engine, route, CONFIG_NETWORK_SUBNET_POOL, &search, ret, err);
}

int pool_choose_services(struct lxcri_engine *engine, struct netlink *route,
			 const struct network_row *row, const struct address *wanted,
			 struct subnet ret[static 2], struct lxcri_error *err)
{
	const struct search search = { .key = "network.service_pool",
				       .name = row->name,
				       .prefix = SERVICES_PREFIX4,
				       .wanted = wanted,
				       .has_ipv6 = row->subnets[1].base.family != 0 };

	return choose(engine, route, CONFIG_NETWORK_SERVICE_POOL, &search, ret, err);
}

int pool_check(struct lxcri_engine *engine, struct netlink *route, const struct network_row *row,
	       char **ret_why, struct lxcri_error *err)
{
	autorun(busy_finish) struct busy_list list = { .except = row->name };
	struct link bridge = {};
	char theirs[ADDRESS_TEXT_MAX];
	char ours[ADDRESS_TEXT_MAX];

	if (link_find(route, row->bridge, &bridge, err) < 0 ||
	    gather(engine, route, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		const struct subnet *subnet = &row->subnets[i];
		const struct busy *busy =
			subnet->base.family ? find_overlap(&list, subnet, bridge.index) : NULL;

		if (!busy)
			continue;
		*ret_why =
			xformat("subnet %s overlaps %s%s, %s", subnet_format(subnet, ours),
				busy->name ? "that of the network " : "a route of the host",
				busy->name ? busy->name : "", subnet_format(&busy->subnet, theirs));
		return 1;
	}
	return 0;
}
