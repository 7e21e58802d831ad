/* SPDX-License-Identifier: MIT */
/* Options of DHCP. What cannot be used as it is makes the whole reply useless where an interface
 * cannot do without it (its address, the way out, the time), and is left out otherwise. */

#include "net/dhcp/dhcp_options.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define PREFIX_MIN 8 /* nobody has a larger subnet on a link */
#define MTU_MIN    576

/* As many routes as we take, the longest form of each. */
#define ROUTES_BYTES_MAX (DHCP_ROUTES_MAX * 9)

/* Goes to the next option of @area behind @at. Returns its length, -ENOENT at the end, -EBADMSG. */
static int next(const struct dhcp_area *area, size_t *at, unsigned int *ret_code,
		const unsigned char **ret_value)
{
	size_t i = *at;
	unsigned int length;

	while (i < area->size && area->bytes[i] == DHCP_OPTION_PAD)
		i++;
	if (i >= area->size || area->bytes[i] == DHCP_OPTION_END)
		return -ENOENT;
	if (area->size - i < 2)
		return -EBADMSG;
	length = area->bytes[i + 1];
	if (length > area->size - i - 2)
		return -EBADMSG;
	*ret_code = area->bytes[i];
	*ret_value = area->bytes + i + 2;
	*at = i + 2 + length;
	return (int)length;
}

int dhcp_options_check(const struct dhcp_options *options)
{
	for (size_t i = 0; i < options->count; i++) {
		const unsigned char *value;
		unsigned int code;
		size_t at = 0;
		int r;

		do {
			r = next(&options->areas[i], &at, &code, &value);
		} while (r >= 0);
		if (r == -EBADMSG)
			return -EBADMSG;
	}
	return 0;
}

int dhcp_options_get(const struct dhcp_options *options, unsigned int code, unsigned char *ret,
		     size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < options->count; i++) {
		const unsigned char *value;
		unsigned int found;
		size_t at = 0;
		int r;

		while ((r = next(&options->areas[i], &at, &found, &value)) >= 0) {
			if (found != code)
				continue;
			if ((size_t)r > size - length)
				return -EBADMSG;
			memcpy(ret + length, value, (size_t)r);
			length += (size_t)r;
		}
	}
	return (int)length;
}

static struct address make_address(const unsigned char *bytes)
{
	struct address address = { .family = AF_INET };

	memcpy(address.bytes, bytes, 4);
	return address;
}

/* Tells whether a host can have @address. */
static bool is_unicast(const struct address *address)
{
	return address->bytes[0] != 0 && address->bytes[0] != 127 && address->bytes[0] < 224;
}

static struct subnet subnet_of(const struct address *address, unsigned int prefix)
{
	struct subnet subnet = { .base = *address, .prefix = prefix };

	for (unsigned int bit = prefix; bit < 32; bit++)
		subnet.base.bytes[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
	return subnet;
}

/* Reads the mask of ones and then zeroes. */
static int read_mask(const struct dhcp_options *options, struct dhcp_lease *lease)
{
	unsigned char mask[4];
	uint32_t bits;
	unsigned int prefix = 0;

	if (dhcp_options_get(options, DHCP_OPTION_MASK, mask, sizeof(mask)) != sizeof(mask))
		return -EBADMSG;
	bits = (uint32_t)mask[0] << 24 | (uint32_t)mask[1] << 16 | (uint32_t)mask[2] << 8 | mask[3];
	while (prefix < 32 && bits & 0x80000000u >> prefix)
		prefix++;
	if (prefix < PREFIX_MIN || (prefix < 32 && bits << prefix))
		return -EBADMSG;
	lease->prefix = prefix;
	return 0;
}

/* Tells whether the address is one of a host, in a subnet of its size. */
static bool is_host(const struct dhcp_lease *lease)
{
	const struct subnet subnet = subnet_of(&lease->address, lease->prefix);

	return is_unicast(&lease->address) &&
	       (lease->prefix >= 31 || subnet_host_number(&subnet, &lease->address) > 0);
}

static int read_number(const struct dhcp_options *options, unsigned int code, uint32_t *ret)
{
	unsigned char bytes[4];

	if (dhcp_options_get(options, code, bytes, sizeof(bytes)) != sizeof(bytes))
		return -EBADMSG;
	*ret = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
	return 0;
}

/* Times that do not grow are replaced by those that RFC 2131 has. */
static int read_times(const struct dhcp_options *options, struct dhcp_lease *lease)
{
	uint32_t renew = 0;
	uint32_t rebind = 0;

	if (read_number(options, DHCP_OPTION_LEASE, &lease->lease_seconds) < 0 ||
	    lease->lease_seconds < DHCP_LEASE_SECONDS_MIN)
		return -EBADMSG;
	(void)(read_number(options, DHCP_OPTION_RENEW, &renew) < 0);
	(void)(read_number(options, DHCP_OPTION_REBIND, &rebind) < 0);
	if (rebind == 0 || rebind >= lease->lease_seconds)
		rebind = (uint32_t)((uint64_t)lease->lease_seconds * 7 / 8);
	if (renew == 0 || renew >= rebind)
		renew = lease->lease_seconds / 2 < rebind ? lease->lease_seconds / 2 : rebind / 2;
	lease->renew_seconds = renew;
	lease->rebind_seconds = rebind;
	return 0;
}

/* Tells whether @gateway can be reached without another route: it is in the subnet, or a route that
 * comes before says that it is on the link. */
static bool is_on_link(const struct dhcp_lease *lease, const struct address *gateway)
{
	const struct subnet own = subnet_of(&lease->address, lease->prefix);

	if (!is_unicast(gateway) || address_equals(gateway, &lease->address))
		return false;
	for (size_t i = 0; i < lease->n_routes; i++)
		if (!lease->routes[i].gateway.family &&
		    subnet_contains(&lease->routes[i].to, gateway))
			return true;
	return subnet_contains(&own, gateway);
}

/* Adds a route. */
static int add_route(struct dhcp_lease *lease, const struct subnet *to, const struct address *via)
{
	static const unsigned char none[4];
	struct dhcp_route route = { .to = *to };

	if (lease->n_routes == DHCP_ROUTES_MAX)
		return -EBADMSG;
	if (memcmp(via->bytes, none, sizeof(none)) != 0) {
		if (!is_on_link(lease, via))
			return -EBADMSG;
		route.gateway = *via;
	}
	lease->routes[lease->n_routes++] = route;
	return 0;
}

/* Reads routes of the form PREFIX, so many bytes of the subnet as that takes, GATEWAY. */
static int read_classless(const unsigned char *bytes, size_t size, struct dhcp_lease *lease)
{
	while (size > 0) {
		unsigned int prefix = bytes[0];
		size_t significant = (prefix + 7) / 8;
		struct address base = { .family = AF_INET };
		struct address gateway;
		struct subnet to;

		if (prefix > 32 || size < 1 + significant + 4)
			return -EBADMSG;
		memcpy(base.bytes, bytes + 1, significant);
		to = subnet_of(&base, prefix);
		gateway = make_address(bytes + 1 + significant);
		if (add_route(lease, &to, &gateway) < 0)
			return -EBADMSG;
		bytes += 1 + significant + 4;
		size -= 1 + significant + 4;
	}
	return 0;
}

/* Who has classless routes takes no router (RFC 3442). */
static int read_routes(const struct dhcp_options *options, struct dhcp_lease *lease)
{
	static const struct subnet everywhere = { .base = { .family = AF_INET } };
	unsigned char bytes[ROUTES_BYTES_MAX];
	struct address router;
	int length = dhcp_options_get(options, DHCP_OPTION_ROUTES, bytes, sizeof(bytes));

	if (length != 0)
		return length < 0 ? -EBADMSG : read_classless(bytes, (size_t)length, lease);
	length = dhcp_options_get(options, DHCP_OPTION_ROUTER, bytes, sizeof(bytes));
	if (length == 0)
		return 0;
	if (length < 4 || length % 4 != 0)
		return -EBADMSG;
	router = make_address(bytes);
	return is_unicast(&router) ? add_route(lease, &everywhere, &router) : -EBADMSG;
}

/* Those of the loopback would be the container itself. */
static void read_dns(const struct dhcp_options *options, struct dhcp_lease *lease)
{
	unsigned char bytes[255];
	int length = dhcp_options_get(options, DHCP_OPTION_DNS, bytes, sizeof(bytes));

	for (int i = 0; i + 4 <= length && lease->n_dns < DHCP_DNS_MAX; i += 4) {
		const struct address address = make_address(bytes + i);

		if (is_unicast(&address))
			lease->dns[lease->n_dns++] = address;
	}
}

/* It goes into a file of lines: nothing but what a name has is let through. */
static void read_domain(const struct dhcp_options *options, struct dhcp_lease *lease)
{
	unsigned char bytes[DHCP_NAME_MAX];
	int length = dhcp_options_get(options, DHCP_OPTION_DOMAIN, bytes, sizeof(bytes) - 1);

	if (length > 0 && bytes[length - 1] == '\0')
		length--;
	for (int i = 0; i < length; i++)
		if (!isalnum(bytes[i]) && bytes[i] != '.' && bytes[i] != '-' && bytes[i] != '_')
			return;
	if (length <= 0 || bytes[0] == '.' || bytes[0] == '-')
		return;
	memcpy(lease->domain, bytes, (size_t)length);
	lease->domain[length] = '\0';
}

static void read_mtu(const struct dhcp_options *options, struct dhcp_lease *lease)
{
	unsigned char bytes[2];

	if (dhcp_options_get(options, DHCP_OPTION_MTU, bytes, sizeof(bytes)) == sizeof(bytes))
		lease->mtu = (unsigned int)bytes[0] << 8 | bytes[1];
	if (lease->mtu < MTU_MIN)
		lease->mtu = 0;
}

int dhcp_options_read(const struct dhcp_options *options, enum dhcp_type type,
		      struct dhcp_lease *lease, const char **ret_why)
{
	unsigned char server[4];

	*ret_why = "it does not say which server it is from";
	if (dhcp_options_get(options, DHCP_OPTION_SERVER, server, sizeof(server)) != sizeof(server))
		return -EBADMSG;
	lease->server = make_address(server);
	if (!is_unicast(&lease->server))
		return -EBADMSG;
	if (type == DHCP_NAK)
		return 0;
	*ret_why = "its subnet mask is none";
	if (read_mask(options, lease) < 0)
		return -EBADMSG;
	*ret_why = "its address is none that a host of the subnet can have";
	if (!is_host(lease))
		return -EBADMSG;
	*ret_why = "its lease time is missing or too short";
	if (read_times(options, lease) < 0)
		return -EBADMSG;
	*ret_why = "its router or a route is malformed, or leads off the link";
	if (read_routes(options, lease) < 0)
		return -EBADMSG;
	read_dns(options, lease);
	read_domain(options, lease);
	read_mtu(options, lease);
	return 0;
}
