/* SPDX-License-Identifier: MIT */
/* Networks, endpoints and ports as JSON. */

#include "engine/network/describe.h"

#include "base/scope.h"
#include "engine/lan/lan.h"
#include "engine/network/options.h"

#include <netinet/in.h>

static void set_address(struct json_object *object, const char *key, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	if (address->family)
		json_set_text(object, key, address_format(address, text));
}

struct json_object *describe_network(const struct network_row *row, struct lxcri_error *err)
{
	static const char *const subnet_keys[] = { "subnet", "subnet6" };
	static const char *const gateway_keys[] = { "gateway", "gateway6" };
	static const char *const service_keys[] = { "serviceSubnet", "serviceSubnet6" };
	struct json_object *object;
	struct network_options options;
	char text[ADDRESS_TEXT_MAX];

	if (network_options_parse(row->options, &options, err) < 0)
		return NULL;
	object = json_object_new_object();
	json_set_text(object, "name", row->name);
	json_set_text(object, "deployment", row->deployment);
	json_set_text(object, "bridge", row->bridge);
	for (int i = 0; i < 2; i++) {
		const struct address gateway = network_gateway(row, i);

		if (row->services[i].base.family)
			json_set_text(object, service_keys[i],
				      subnet_format(&row->services[i], text));
		if (!row->subnets[i].base.family)
			continue;
		json_set_text(object, subnet_keys[i], subnet_format(&row->subnets[i], text));
		set_address(object, gateway_keys[i], &gateway);
	}
	json_object_object_add(object, "mtu", json_object_new_int64(options.mtu));
	if (options.vlan)
		json_object_object_add(object, "vlan", json_object_new_int64(options.vlan));
	json_object_object_add(object, "stp", json_object_new_boolean(options.stp));
	json_object_object_add(object, "vlanFiltering",
			       json_object_new_boolean(options.vlan_filtering));
	json_object_object_add(object, "multicastSnooping",
			       json_object_new_boolean(options.multicast_snooping));
	json_object_object_add(object, "isolatePorts",
			       json_object_new_boolean(options.isolate_ports));
	json_object_object_add(object, "antiSpoofing", json_object_new_boolean(!options.may_spoof));
	return object;
}

struct json_object *describe_endpoint(const struct endpoint_row *row)
{
	struct json_object *object = json_object_new_object();
	char mac[LINK_MAC_TEXT_MAX];

	json_set_text(object, "network", row->network);
	json_object_object_add(object, "position", json_object_new_int64(row->position));
	json_set_text(object, "interface", row->interface);
	json_set_text(object, "mac", link_mac_format(row->mac, mac));
	set_address(object, "ip4", &row->addresses[0]);
	set_address(object, "ip6", &row->addresses[1]);
	json_set_text(object, "hostname", row->hostname);
	json_object_object_add(object, "aliases", json_from_texts(&row->aliases));
	return object;
}

const char *describe_protocol(uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? "udp" : protocol == IPPROTO_SCTP ? "sctp" : "tcp";
}

static struct json_object *describe_port(const struct port_row *row)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, "container", row->container);
	json_set_text(object, "protocol", describe_protocol(row->protocol));
	set_address(object, "hostIp", &row->host);
	json_object_object_add(object, "hostPort", json_object_new_int(row->host_port));
	json_object_object_add(object, "containerPort", json_object_new_int(row->container_port));
	return object;
}

static int add_endpoint(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	json_object_array_add(userdata, describe_endpoint(row));
	return 0;
}

static int add_port(void *userdata, const struct port_row *row, struct lxcri_error *err)
{
	json_object_array_add(userdata, describe_port(row));
	return 0;
}

/* The first one has the default route, also beside places on the LAN. */
static int compare_positions(const void *one, const void *other)
{
	struct json_object *const *left = one;
	struct json_object *const *right = other;

	return (int)(json_get_i64(*left, "position", 0) - json_get_i64(*right, "position", 0));
}

struct json_object *describe_endpoints(struct lxcri_engine *engine, const char *container,
				       struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);
	struct json_object *array = json_object_new_array();

	if (database && endpoints_each(database, container, NULL, add_endpoint, array, err) >= 0 &&
	    lan_describe(engine, container, array, err) == 0) {
		json_object_array_sort(array, compare_positions);
		return array;
	}
	json_free(array);
	return NULL;
}

struct json_object *describe_ports(struct lxcri_engine *engine, const char *container,
				   struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);
	struct json_object *array = json_object_new_array();

	if (database && ports_each(database, container, add_port, array, err) >= 0)
		return array;
	json_free(array);
	return NULL;
}
