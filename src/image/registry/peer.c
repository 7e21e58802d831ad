/* SPDX-License-Identifier: MIT */
/* Addresses that a registry may not send us to. */

#include "image/registry/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

static bool is_local_v4(uint32_t address)
{
	return address >> 24 == 0 || address >> 24 == 127 || address >> 16 == 0xa9fe ||
	       address >> 28 >= 0xe;
}

static uint32_t last_word(const struct in6_addr *address)
{
	uint32_t word;

	memcpy(&word, &address->s6_addr[12], sizeof(word));
	return ntohl(word);
}

static bool is_local_v6(const struct in6_addr *address)
{
	static const uint8_t translated[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (IN6_IS_ADDR_UNSPECIFIED(address) || IN6_IS_ADDR_LOOPBACK(address) ||
	    IN6_IS_ADDR_LINKLOCAL(address) || IN6_IS_ADDR_MULTICAST(address))
		return true;
	if (IN6_IS_ADDR_V4MAPPED(address) || IN6_IS_ADDR_V4COMPAT(address) ||
	    memcmp(address->s6_addr, translated, sizeof(translated)) == 0)
		return is_local_v4(last_word(address));
	return false;
}

bool peer_is_local(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return is_local_v4(ntohl(
			((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
	if (address->sa_family == AF_INET6)
		return is_local_v6(
			&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
	return true;
}
