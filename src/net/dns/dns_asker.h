/* SPDX-License-Identifier: MIT */
#pragma once

/* Who asked, and where the answer goes. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

union dns_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct dns_asker {
	union dns_address address;
	uint32_t place;      /* of the listener, or of the connection */
	uint32_t generation; /* of whoever had that place then */
	bool is_tcp;
};

/* Tells whether two addresses are of the same host, whatever the port. */
bool dns_address_is_same_host(const union dns_address *a, const union dns_address *b);

/* Returns the size of the address for the calls of sockets. */
socklen_t dns_address_size(const union dns_address *address);

/* Reads "192.0.2.1", "2001:db8::1", or "[2001:db8::1]:5353" and "192.0.2.1:5353" with a port; 53 is
 * the port otherwise. 0 or -EINVAL. */
[[nodiscard]] int dns_address_parse(const char *text, union dns_address *ret_address);

/* The addresses of a network. */
struct dns_subnet {
	int family;
	unsigned int bits;
	uint8_t bytes[16];
};

/* Reads "10.213.1.0/24". 0 or -EINVAL. */
[[nodiscard]] int dns_subnet_parse(const char *text, struct dns_subnet *ret_subnet);

/* Tells whether @address is of @subnet. */
bool dns_subnet_has(const struct dns_subnet *subnet, const union dns_address *address);
