/* SPDX-License-Identifier: MIT */
#pragma once

/* Addresses of IPv4 and IPv6, subnets, and which of them are free. Nothing here looks at the host.
 */

#include "base/fail.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_TEXT_MAX 64

/* An address; `family` 0 is none. */
struct address {
	int family; /* AF_INET or AF_INET6 */
	unsigned char bytes[16];
};

/* A subnet; the bits behind the prefix are 0. */
struct subnet {
	struct address base;
	unsigned int prefix;
};

/* Returns 4 or 16. */
size_t address_size(const struct address *address);

/* Reads an address of @family, or of either with AF_UNSPEC. 0, or -EINVAL for what is none. */
[[nodiscard]] int address_parse(const char *text, int family, struct address *ret);

/* Writes @address in its one plain form; "" for none. Returns @ret. */
const char *address_format(const struct address *address, char ret[static ADDRESS_TEXT_MAX]);

/* Tells whether both are the same address. */
bool address_equals(const struct address *one, const struct address *other);

/* Reads "ADDRESS/PREFIX". Bits behind the prefix, or no room for a gateway and a container, are
 * -EINVAL. */
[[nodiscard]] int subnet_parse(const char *text, struct subnet *ret);

/* Writes "ADDRESS/PREFIX"; "" for none. Returns @ret. */
const char *subnet_format(const struct subnet *subnet, char ret[static ADDRESS_TEXT_MAX]);

/* Tells whether @address is in @subnet. */
bool subnet_contains(const struct subnet *subnet, const struct address *address);

/* Tells whether any address is in both. */
bool subnet_overlaps(const struct subnet *one, const struct subnet *other);

/* Returns how many subnets with @prefix @pool has, at most UINT32_MAX. */
uint32_t subnet_count(const struct subnet *pool, unsigned int prefix);

/* Returns subnet @index of those. */
struct subnet subnet_nth(const struct subnet *pool, unsigned int prefix, uint32_t index);

/* Returns how many hosts @subnet has room for, at most UINT32_MAX: of IPv4 all but the first and
 * the last address, of IPv6 all but the first. They are numbered from 1; the gateway is 1. */
uint32_t subnet_hosts(const struct subnet *subnet);

/* Returns host @number of @subnet. */
struct address subnet_host(const struct subnet *subnet, uint32_t number);

/* Returns the number of @address in @subnet, or 0 when it is no host of it. */
uint32_t subnet_host_number(const struct subnet *subnet, const struct address *address);

/* Tells whether host @number is taken: 1 or 0; < 0 ends the search with an error. */
typedef int (*subnet_taken_fn)(void *userdata, uint32_t number);

/* Finds a free host number behind @last, from 2 on and round: an address just given back is the
 * last that is given out again, for neighbours remember it. Returns 1, 0 when all are taken, or
 * what
 * @is_taken failed with. */
[[nodiscard]] int subnet_find_free(const struct subnet *subnet, uint32_t last,
				   subnet_taken_fn is_taken, void *userdata, uint32_t *ret_number);
