/* SPDX-License-Identifier: MIT */
/* Addresses and subnets. */

#include "net/address.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

size_t address_size(const struct address *address)
{
	return address->family == AF_INET ? 4 : 16;
}

int address_parse(const char *text, int family, struct address *ret)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct address address = {};

	for (size_t i = 0; i < 2; i++) {
		if (family != AF_UNSPEC && family != families[i])
			continue;
		if (inet_pton(families[i], text, address.bytes) != 1)
			continue;
		address.family = families[i];
		*ret = address;
		return 0;
	}
	return -EINVAL;
}

const char *address_format(const struct address *address, char ret[static ADDRESS_TEXT_MAX])
{
	ret[0] = '\0';
	if (address->family)
		(void)inet_ntop(address->family, address->bytes, ret, ADDRESS_TEXT_MAX);
	return ret;
}

bool address_equals(const struct address *one, const struct address *other)
{
	return one->family == other->family &&
	       memcmp(one->bytes, other->bytes, sizeof(one->bytes)) == 0;
}

/* Sets all bits behind @prefix to 0. */
static void clear_behind(struct address *address, unsigned int prefix)
{
	for (size_t i = 0; i < address_size(address); i++) {
		unsigned int kept = prefix > 8 * i ? prefix - 8 * (unsigned int)i : 0;

		if (kept < 8)
			address->bytes[i] &= (unsigned char)(0xff00 >> kept);
	}
}

int subnet_parse(const char *text, struct subnet *ret)
{
	const char *slash = strchr(text, '/');
	char base[ADDRESS_TEXT_MAX];
	struct subnet subnet = {};
	struct address cleared;
	uint64_t prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(base))
		return -EINVAL;
	(void)snprintf(base, sizeof(base), "%.*s", (int)(slash - text), text);
	if (address_parse(base, AF_UNSPEC, &subnet.base) < 0 ||
	    text_parse_u64(slash + 1, 1, 8 * address_size(&subnet.base) - 2, &prefix) < 0)
		return -EINVAL;
	subnet.prefix = (unsigned int)prefix;
	cleared = subnet.base;
	clear_behind(&cleared, subnet.prefix);
	if (!address_equals(&cleared, &subnet.base))
		return -EINVAL;
	*ret = subnet;
	return 0;
}

const char *subnet_format(const struct subnet *subnet, char ret[static ADDRESS_TEXT_MAX])
{
	size_t length = strlen(address_format(&subnet->base, ret));

	if (length > 0)
		(void)snprintf(ret + length, ADDRESS_TEXT_MAX - length, "/%u", subnet->prefix);
	return ret;
}

bool subnet_contains(const struct subnet *subnet, const struct address *address)
{
	struct address cleared = *address;

	if (subnet->base.family != address->family)
		return false;
	clear_behind(&cleared, subnet->prefix);
	return address_equals(&cleared, &subnet->base);
}

bool subnet_overlaps(const struct subnet *one, const struct subnet *other)
{
	return one->prefix <= other->prefix ? subnet_contains(one, &other->base)
					    : subnet_contains(other, &one->base);
}

/* Returns bit @bit, counted from the first. */
static bool get_bit(const struct address *address, size_t bit)
{
	return address->bytes[bit / 8] & (0x80 >> bit % 8);
}

static void set_bit(struct address *address, size_t bit, bool value)
{
	unsigned char mask = (unsigned char)(0x80 >> bit % 8);

	if (value)
		address->bytes[bit / 8] |= mask;
	else
		address->bytes[bit / 8] &= (unsigned char)~mask;
}

/* Returns the last 32 bits before bit @end, and adds @value to them. */
static uint32_t add_at(struct address *address, size_t end, uint32_t value)
{
	size_t start = end > 32 ? end - 32 : 0;
	uint32_t was = 0;

	for (size_t bit = start; bit < end; bit++)
		was = was << 1 | get_bit(address, bit);
	value += was;
	for (size_t bit = end; bit > start; bit--, value >>= 1)
		set_bit(address, bit - 1, value & 1);
	return was;
}

uint32_t subnet_count(const struct subnet *pool, unsigned int prefix)
{
	unsigned int bits = prefix - pool->prefix;

	if (prefix < pool->prefix)
		return 0;
	return bits >= 32 ? UINT32_MAX : UINT32_C(1) << bits;
}

struct subnet subnet_nth(const struct subnet *pool, unsigned int prefix, uint32_t index)
{
	struct subnet subnet = { .base = pool->base, .prefix = prefix };

	(void)add_at(&subnet.base, prefix, index);
	return subnet;
}

uint32_t subnet_hosts(const struct subnet *subnet)
{
	unsigned int bits = 8 * (unsigned int)address_size(&subnet->base) - subnet->prefix;

	if (bits >= 32)
		return UINT32_MAX;
	return (UINT32_C(1) << bits) - (subnet->base.family == AF_INET ? 2 : 1);
}

struct address subnet_host(const struct subnet *subnet, uint32_t number)
{
	struct address address = subnet->base;

	(void)add_at(&address, 8 * (unsigned int)address_size(&address), number);
	return address;
}

uint32_t subnet_host_number(const struct subnet *subnet, const struct address *address)
{
	struct address copy = *address;
	struct address again;
	uint32_t base;
	uint32_t number;

	if (!subnet_contains(subnet, address))
		return 0;
	again = subnet->base;
	base = add_at(&again, 8 * (unsigned int)address_size(address), 0);
	number = add_at(&copy, 8 * (unsigned int)address_size(address), 0) - base;
	again = subnet_host(subnet, number);
	if (number > subnet_hosts(subnet) || !address_equals(&again, address))
		return 0;
	return number;
}

int subnet_find_free(const struct subnet *subnet, uint32_t last, subnet_taken_fn is_taken,
		     void *userdata, uint32_t *ret_number)
{
	uint32_t hosts = subnet_hosts(subnet);
	uint32_t number = last;

	for (uint32_t tries = 1; tries < hosts; tries++) {
		int r;

		number = number >= 2 && number < hosts ? number + 1 : 2;
		r = is_taken(userdata, number);
		if (r < 0)
			return r;
		if (r == 0) {
			*ret_number = number;
			return 1;
		}
	}
	return 0;
}
