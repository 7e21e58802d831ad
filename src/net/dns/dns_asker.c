/* SPDX-License-Identifier: MIT */
/* Addresses of who asks and of who is asked. */

#include "net/dns/dns_asker.h"

#include "base/text.h"
#include "net/dns/dns_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define ADDRESS_MAX 64

bool dns_address_is_same_host(const union dns_address *a, const union dns_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	return a->any.sa_family == AF_INET
		       ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
		       : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

socklen_t dns_address_size(const union dns_address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

/* Copies @text to its end or to @end, and returns what follows; NULL when it is too long or @end
 * is not there. */
static const char *cut(const char *text, char end, char to[ADDRESS_MAX])
{
	const char *stop = strchr(text, end);
	size_t length = stop ? (size_t)(stop - text) : ADDRESS_MAX;

	if (length >= ADDRESS_MAX)
		return NULL;
	memcpy(to, text, length);
	to[length] = '\0';
	return stop + (end != '\0');
}

int dns_address_parse(const char *text, union dns_address *ret_address)
{
	union dns_address address = {};
	char host[ADDRESS_MAX];
	const char *rest = "";
	uint64_t port = DNS_PORT;

	if (*text == '[')
		rest = cut(text + 1, ']', host);
	else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':'))
		rest = cut(text, ':', host) ? strchr(text, ':') : NULL;
	else if (!cut(text, '\0', host))
		rest = NULL;
	if (!rest ||
	    (*rest && (*rest != ':' || text_parse_u64(rest + 1, 1, UINT16_MAX, &port) < 0)))
		return -EINVAL;
	if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons((uint16_t)port);
	} else if (inet_pton(AF_INET6, host, &address.v6.sin6_addr) == 1) {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons((uint16_t)port);
	} else {
		return -EINVAL;
	}
	*ret_address = address;
	return 0;
}

int dns_subnet_parse(const char *text, struct dns_subnet *ret_subnet)
{
	struct dns_subnet subnet = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	char address[ADDRESS_MAX];
	const char *bits = cut(text, '/', address);
	uint64_t number;

	if (!bits || inet_pton(subnet.family, address, subnet.bytes) != 1 ||
	    text_parse_u64(bits, 1, subnet.family == AF_INET ? 32 : 128, &number) < 0)
		return -EINVAL;
	subnet.bits = (unsigned int)number;
	*ret_subnet = subnet;
	return 0;
}

bool dns_subnet_has(const struct dns_subnet *subnet, const union dns_address *address)
{
	const uint8_t *bytes = address->any.sa_family == AF_INET
				       ? (const uint8_t *)&address->v4.sin_addr
				       : address->v6.sin6_addr.s6_addr;
	const unsigned int whole = subnet->bits / 8;
	const unsigned int rest = subnet->bits % 8;

	if (address->any.sa_family != subnet->family || memcmp(bytes, subnet->bytes, whole) != 0)
		return false;
	return rest == 0 || (bytes[whole] ^ subnet->bytes[whole]) >> (8 - rest) == 0;
}
