/* SPDX-License-Identifier: MIT */
/* Leases of DHCP: the container's monitor gets and renews them, and writes down what it has. */

#include "engine/lan/lan.h"

#include "base/json.h"
#include "base/mem.h"
#include "config/config.h"
#include "os/file.h"
#include "runtime/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define LEASE_BYTES_MAX 65536

/* Reads the lease that the interface at @position has, or has had. NULL for none. */
static struct json_object *read_lease(int run_fd, unsigned int position)
{
	autofree char *name = xformat(WIRE_LEASE_FILE "eth%u", position);
	autofree char *text = NULL;
	struct json_object *lease = NULL;
	struct lxcri_error ignored;
	size_t size;

	if (run_fd < 0 || file_read(run_fd, name, LEASE_BYTES_MAX, &text, &size) < 0 ||
	    json_parse(text, size, &json_limits_config, &lease, &ignored) < 0)
		return NULL;
	return lease;
}

/* The address of the last lease is asked for once more. */
static struct address find_wanted(int run_fd, unsigned int position)
{
	autojson lease = read_lease(run_fd, position);
	const char *text = json_get_text(lease, "ip4");
	struct address address = {};

	if (text && address_parse(text, AF_INET, &address) < 0)
		address = (struct address){};
	return address;
}

static int lease_one(struct lxcri_container *container, struct monitor *monitor,
		     const struct lan_row *place, struct lxcri_error *err)
{
	autofree char *name = xformat("eth%u", place->position);
	autofree char *path = xformat("%s/resolv.conf", container->home.data_dir);
	const struct address wanted = find_wanted(container->home.run_fd, place->position);
	struct monitor_lease lease = {
		.interface = name,
		.hostname = place->hostname,
		.wait_seconds = (unsigned int)config_u64(container->engine->config,
							 CONFIG_NETWORK_DHCP_TIMEOUT),
		.is_first = place->position == 0,
		.resolv_path = place->resolv ? path : NULL,
		.resolv_rest = place->resolv,
	};

	memcpy(lease.wanted, wanted.bytes, sizeof(lease.wanted));
	return monitor_lease(monitor, &lease, err) < 0 ? fail_while(err, "network %s", place->spec)
						       : 0;
}

/* Uses the creator's connection, or another one, and gives it back. */
static int lease_all(struct lxcri_container *container, const struct lan_list *places,
		     unsigned int position, struct lxcri_error *err)
{
	autoptr(monitor) other = NULL;

	if (!container->monitor && container_connect(container, &other, err) < 0)
		return -1;
	for (size_t i = 0; i < places->count; i++) {
		struct lan_spec spec;

		if (position != LAN_ALL && position != places->items[i].position)
			continue;
		if (lan_spec_parse(places->items[i].spec, &spec, err) < 0)
			return -1;
		if (spec.dhcp && lease_one(container, other ? other : container->monitor,
					   &places->items[i], err) < 0)
			return -1;
	}
	return 0;
}

int lan_lease(struct lxcri_container *container, unsigned int position, struct lxcri_error *err)
{
	struct database *database = engine_database(container->engine, err);
	autorun(lan_list_finish) struct lan_list places = {};

	if (!database || lan_list_read(database, container->home.id, &places, err) < 0)
		return -1;
	return places.count > 0 ? lease_all(container, &places, position, err) : 0;
}

static void set_address(struct json_object *object, const char *key, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	if (address->family)
		json_set_text(object, key, address_format(address, text));
}

/* Adds what is not part of a lease. */
static void describe_spec(struct json_object *object, const struct lan_row *place,
			  const struct lan_spec *spec)
{
	char mac[LINK_MAC_TEXT_MAX];
	autofree char *network = xformat("%s:%s", lan_kind_name(spec->kind), spec->parent);

	json_set_text(object, "network", network);
	json_object_object_add(object, "position", json_object_new_int64(place->position));
	json_set_text(object, "interface", place->interface);
	json_set_text(object, "mac", link_mac_format(place->mac, mac));
	if (spec->vlan)
		json_object_object_add(object, "vlan", json_object_new_int64(spec->vlan));
	json_object_object_add(object, "dhcp", json_object_new_boolean(spec->dhcp));
	set_address(object, "ip4", &spec->addresses[0]);
	set_address(object, "ip6", &spec->addresses[1]);
	set_address(object, "gateway", &spec->gateways[0]);
	set_address(object, "gateway6", &spec->gateways[1]);
	json_set_text(object, "hostname", place->hostname);
	json_object_object_add(object, "aliases", json_object_new_array());
}

static int describe_one(struct json_object *array, const struct lan_row *place, int run_fd,
			struct lxcri_error *err)
{
	struct json_object *object;
	struct json_object *lease;
	struct lan_spec spec;

	if (lan_spec_parse(place->spec, &spec, err) < 0)
		return -1;
	object = json_object_new_object();
	describe_spec(object, place, &spec);
	json_object_array_add(array, object);
	lease = spec.dhcp && place->interface ? read_lease(run_fd, place->position) : NULL;
	if (!lease)
		return 0;
	json_set_text(object, "ip4", json_get_text(lease, "ip4"));
	json_set_text(object, "gateway", json_get_text(lease, "gateway"));
	json_object_object_add(object, "lease", lease);
	return 0;
}

int lan_describe(struct lxcri_engine *engine, const char *container, struct json_object *array,
		 struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);
	autofree char *path = engine_run_dir(engine, container);
	autoclose int run_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autorun(lan_list_finish) struct lan_list places = {};

	if (!database || lan_list_read(database, container, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.count; i++)
		if (describe_one(array, &places.items[i], run_fd, err) < 0)
			return -1;
	return 0;
}
