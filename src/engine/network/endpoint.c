/* SPDX-License-Identifier: MIT */
/* Choosing addresses. */

#include "engine/network/endpoint.h"

#include "base/mem.h"
#include "engine/network/instance.h"

#include <string.h>

/* With so many that are taken something is wrong. */
#define MAC_ATTEMPTS 16

static int choose_mac(struct database *database, const struct lxcri_engine *engine,
		      struct endpoint_row *endpoint, struct lxcri_error *err)
{
	static const unsigned char none[LINK_MAC_BYTES];
	char text[LINK_MAC_TEXT_MAX];
	int taken = 1;

	if (memcmp(endpoint->mac, none, sizeof(none)) != 0) {
		taken = endpoints_have(database, endpoint->network, NULL,
				       link_mac_format(endpoint->mac, text), err);
		return taken > 0 ? fail(err, LXCRI_E_CONFIGURATION_FAILED,
					"MAC address %s is taken in the network %s", text,
					endpoint->network)
				 : taken;
	}
	for (unsigned int i = 0; taken > 0 && i < MAC_ATTEMPTS; i++) {
		instance_mac(engine, endpoint->network, endpoint->container, i, endpoint->mac);
		taken = endpoints_have(database, endpoint->network, NULL,
				       link_mac_format(endpoint->mac, text), err);
	}
	return taken > 0 ? fail(err, LXCRI_E_CONFIGURATION_FAILED,
				"no MAC address is free in the network %s", endpoint->network)
			 : taken;
}

/* Checks an address that was asked for. */
static int check_address(struct database *database, const struct network_row *network, int index,
			 const struct address *address, struct lxcri_error *err)
{
	const struct subnet *subnet = &network->subnets[index];
	char text[ADDRESS_TEXT_MAX];
	char subnet_text[ADDRESS_TEXT_MAX];
	int taken;

	(void)address_format(address, text);
	if (!subnet->base.family || subnet_host_number(subnet, address) == 0)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "address %s is none of a host in the subnet %s of the network %s", text,
			    subnet_format(subnet, subnet_text), network->name);
	taken = subnet_host_number(subnet, address) == 1
			? 1
			: endpoints_have(database, network->name, address, NULL, err);
	return taken > 0 ? fail(err, LXCRI_E_CONFIGURATION_FAILED,
				"address %s is taken in the network %s", text, network->name)
			 : taken;
}

/* A search for a host number that is free in both families. */
struct search {
	struct database *database;
	const struct network_row *network;
	const struct endpoint_row *endpoint;
	struct lxcri_error *err;
};

static int is_taken(void *userdata, uint32_t number)
{
	const struct search *search = userdata;

	for (int i = 0; i < 2; i++) {
		const struct subnet *subnet = &search->network->subnets[i];
		struct address address;
		int taken;

		if (!subnet->base.family || search->endpoint->addresses[i].family)
			continue;
		address = subnet_host(subnet, number);
		taken = endpoints_have(search->database, search->network->name, &address, NULL,
				       search->err);
		if (taken != 0)
			return taken;
	}
	return 0;
}

static int choose_addresses(struct database *database, struct network_row *network,
			    struct endpoint_row *endpoint, struct lxcri_error *err)
{
	struct search search = { database, network, endpoint, err };
	char text[ADDRESS_TEXT_MAX];
	uint32_t number = 0;
	int r = subnet_find_free(&network->subnets[0], network->last_host, is_taken, &search,
				 &number);

	if (r == 0)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "every address of the subnet %s of the network %s is taken",
			    subnet_format(&network->subnets[0], text), network->name);
	if (r < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (network->subnets[i].base.family && !endpoint->addresses[i].family)
			endpoint->addresses[i] = subnet_host(&network->subnets[i], number);
	network->last_host = number;
	return networks_put(database, network, err);
}

int endpoint_fill_addresses(struct database *database, struct network_row *network,
			    struct endpoint_row *endpoint, struct lxcri_error *err)
{
	bool is_complete = true;

	for (int i = 0; i < 2; i++)
		is_complete &= endpoint->addresses[i].family || !network->subnets[i].base.family;
	return is_complete ? 0 : choose_addresses(database, network, endpoint, err);
}

int endpoint_fill(struct database *database, const struct lxcri_engine *engine,
		  struct network_row *network, struct endpoint_row *endpoint,
		  struct lxcri_error *err)
{
	if (choose_mac(database, engine, endpoint, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (endpoint->addresses[i].family &&
		    check_address(database, network, i, &endpoint->addresses[i], err) < 0)
			return -1;
	return endpoint_fill_addresses(database, network, endpoint, err);
}
