/* SPDX-License-Identifier: MIT */
/* A place on the LAN, as it is asked for. */

#include "engine/lan/lan_spec.h"

#include "base/mem.h"
#include "base/text.h"
#include "net/vlan.h"

#include <linux/if_link.h>
#include <string.h>

static const char *const kind_names[] = { [LAN_BRIDGE] = "bridge", [LAN_MACVLAN] = "macvlan" };

static const struct mode {
	const char *name;
	uint32_t mode;
} modes[] = {
	{ "bridge", MACVLAN_MODE_BRIDGE },
	{ "private", MACVLAN_MODE_PRIVATE },
	{ "vepa", MACVLAN_MODE_VEPA },
	{ "passthru", MACVLAN_MODE_PASSTHRU },
};

const char *lan_kind_name(enum lan_kind kind)
{
	return kind_names[kind];
}

bool lan_spec_is(const char *network)
{
	for (size_t i = 0; i < ARRAY_LEN(kind_names); i++) {
		size_t length = strlen(kind_names[i]);

		if (strncmp(network, kind_names[i], length) == 0 && network[length] == ':')
			return true;
	}
	return false;
}

/* Tells whether a host can have @address in its subnet. */
static bool is_host(const struct address *address, unsigned int prefix)
{
	static const unsigned char loopback[16] = { [15] = 1 };
	static const unsigned char none[16];

	if (address->family == AF_INET)
		return prefix >= 8 && address->bytes[0] != 0 && address->bytes[0] != 127 &&
		       address->bytes[0] < 224;
	return prefix >= 8 && address->bytes[0] != 0xff &&
	       memcmp(address->bytes, loopback, sizeof(loopback)) != 0 &&
	       memcmp(address->bytes, none, sizeof(none)) != 0;
}

/* Returns the subnet of @address, whose host bits are zero. */
static struct subnet subnet_of(const struct address *address, unsigned int prefix)
{
	struct subnet subnet = { .base = *address, .prefix = prefix };

	for (unsigned int bit = prefix; bit < 8 * address_size(address); bit++)
		subnet.base.bytes[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
	return subnet;
}

/* Reads "ADDRESS/PREFIX" of a host. */
static int read_cidr(const char *value, int index, struct lan_spec *spec, struct lxcri_error *err)
{
	const int family = index == 0 ? AF_INET : AF_INET6;
	const char *slash = strchr(value, '/');
	autofree char *text = slash ? xstrndup(value, (size_t)(slash - value)) : NULL;
	struct address address;
	struct subnet subnet;
	uint64_t prefix;

	if (text && address_parse(text, family, &address) == 0 &&
	    text_parse_u64(slash + 1, 0, family == AF_INET ? 32 : 128, &prefix) == 0) {
		subnet = subnet_of(&address, (unsigned int)prefix);
		if (is_host(&address, (unsigned int)prefix) &&
		    (prefix + 1 >= 8 * address_size(&address) ||
		     subnet_host_number(&subnet, &address) > 0 || family == AF_INET6)) {
			spec->addresses[index] = address;
			spec->prefixes[index] = (unsigned int)prefix;
			return 0;
		}
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "\"%s\" is no address of a host with its prefix of IPv%c", value,
		    family == AF_INET ? '4' : '6');
}

static int take_vlan(const char *value, struct lan_spec *spec, struct lxcri_error *err)
{
	uint64_t vlan;

	if (spec->kind != LAN_BRIDGE)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "vlan goes with a port on a bridge; macvlan takes the interface of "
			    "the VLAN instead");
	if (text_parse_u64(value, 1, VLAN_MAX, &vlan) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a VLAN is from 1 to %d, not \"%s\"",
			    VLAN_MAX, value);
	spec->vlan = (unsigned int)vlan;
	return 0;
}

static int take_mode(const char *value, struct lan_spec *spec, struct lxcri_error *err)
{
	for (size_t i = 0; spec->kind == LAN_MACVLAN && i < ARRAY_LEN(modes); i++)
		if (strcmp(modes[i].name, value) == 0) {
			spec->mode = modes[i].mode;
			return 0;
		}
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "mode=%s: macvlan has the modes bridge, private, vepa and passthru", value);
}

static int take_mac(const char *value, struct lan_spec *spec, struct lxcri_error *err)
{
	return link_mac_parse(value, spec->mac) < 0
		       ? fail(err, LXCRI_E_INVALID_ARGUMENT,
			      "\"%s\" is no MAC address of one interface", value)
		       : 0;
}

static int take_ip(const char *value, struct lan_spec *spec, struct lxcri_error *err)
{
	spec->dhcp = strcmp(value, "dhcp") == 0;
	return spec->dhcp || strcmp(value, "none") == 0 ? 0 : read_cidr(value, 0, spec, err);
}

/* By itself the kernel does what routers on the LAN announce. */
static int take_ip6(const char *value, struct lan_spec *spec, struct lxcri_error *err)
{
	return strcmp(value, "auto") == 0 ? 0 : read_cidr(value, 1, spec, err);
}

static int take_gateway(const char *value, struct lan_spec *spec, struct lxcri_error *err)
{
	return address_parse(value, AF_INET, &spec->gateways[0]) < 0
		       ? fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%s\" is no address of IPv4", value)
		       : 0;
}

static int take_gateway6(const char *value, struct lan_spec *spec, struct lxcri_error *err)
{
	return address_parse(value, AF_INET6, &spec->gateways[1]) < 0
		       ? fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%s\" is no address of IPv6", value)
		       : 0;
}

static int take_antispoof(const char *value, struct lan_spec *spec, struct lxcri_error *err)
{
	spec->antispoof = strcmp(value, "on") == 0;
	return spec->antispoof || strcmp(value, "off") == 0
		       ? 0
		       : fail(err, LXCRI_E_INVALID_ARGUMENT, "antispoof is on or off, not \"%s\"",
			      value);
}

static const struct key {
	const char *name;
	int (*take)(const char *value, struct lan_spec *spec, struct lxcri_error *err);
} keys[] = {
	{ "vlan", take_vlan }, { "mode", take_mode },
	{ "ip", take_ip },     { "gw", take_gateway },
	{ "ip6", take_ip6 },   { "gw6", take_gateway6 },
	{ "mac", take_mac },   { "antispoof", take_antispoof },
};

/* Takes one "KEY=VALUE". */
static int take(char *part, bool seen[static ARRAY_LEN(keys)], struct lan_spec *spec,
		struct lxcri_error *err)
{
	char *value = strchr(part, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; value && i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].name, part) != 0)
			continue;
		if (seen[i])
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s is given twice", part);
		seen[i] = true;
		return keys[i].take(value, spec, err);
	}
	return fail(
		err, LXCRI_E_INVALID_ARGUMENT,
		"\"%s\" is none of vlan=, mode=, ip=, gw=, ip6=, gw6=, mac= and antispoof=", part);
}

/* A gateway that is not on the link is not reached. Those of IPv6 mostly are of the link itself. */
static int check_gateways(const struct lan_spec *spec, struct lxcri_error *err)
{
	for (int i = 0; i < 2; i++) {
		const struct address *gateway = &spec->gateways[i];
		const struct subnet subnet = subnet_of(&spec->addresses[i], spec->prefixes[i]);
		bool is_link_local =
			i == 1 && gateway->bytes[0] == 0xfe && (gateway->bytes[1] & 0xc0) == 0x80;
		char text[ADDRESS_TEXT_MAX];

		if (!gateway->family)
			continue;
		if (!spec->addresses[i].family)
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "a gateway goes with an address of its family");
		if ((!is_link_local && !subnet_contains(&subnet, gateway)) ||
		    address_equals(gateway, &spec->addresses[i]))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "the gateway %s is no other host of the interface's subnet",
				    address_format(gateway, text));
	}
	return 0;
}

/* Rules that are the same for as long as the container runs need addresses that are. */
static int check_antispoof(const struct lan_spec *spec, struct lxcri_error *err)
{
	if (!spec->antispoof || (spec->kind == LAN_BRIDGE && !spec->dhcp))
		return 0;
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "antispoof goes with a port on a bridge whose ip= is an address or none");
}

static int parse(char *text, struct lan_spec *spec, struct lxcri_error *err)
{
	bool seen[ARRAY_LEN(keys)] = {};
	char *rest = strchr(text, ':');
	char *name;

	*rest++ = '\0';
	spec->kind = strcmp(text, kind_names[LAN_BRIDGE]) == 0 ? LAN_BRIDGE : LAN_MACVLAN;
	name = strsep(&rest, ",");
	if (!link_name_is_valid(name))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "\"%s\" is no name that an interface can have (%d characters at most)",
			    name, IFNAMSIZ - 1);
	(void)strcpy(spec->parent, name);
	for (char *part = strsep(&rest, ","); part; part = strsep(&rest, ","))
		if (take(part, seen, spec, err) < 0)
			return -1;
	return check_gateways(spec, err) < 0 ? -1 : check_antispoof(spec, err);
}

int lan_spec_parse(const char *text, struct lan_spec *ret, struct lxcri_error *err)
{
	struct lan_spec spec = { .dhcp = true, .mode = MACVLAN_MODE_BRIDGE };
	autofree char *copy = xstrdup(text);

	if (parse(copy, &spec, err) < 0)
		return fail_while(err, "network %s", text);
	*ret = spec;
	return 0;
}
