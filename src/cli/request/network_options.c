/* SPDX-License-Identifier: MIT */
/* Published ports, as users write them. */

#include "cli/request/network_options.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <string.h>

static int refuse(const char *value, const char *why, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "--publish: \"%s\": %s", value, why);
}

/* Reads "80" or "80-89"; @min is the least port. */
static int parse_range(const char *text, uint64_t min, uint64_t *ret_first, uint64_t *ret_count)
{
	const char *dash = strchr(text, '-');
	autofree char *first = xstrndup(text, dash ? (size_t)(dash - text) : strlen(text));
	uint64_t last;

	if (text_parse_u64(first, min, 65535, ret_first) < 0)
		return -1;
	last = *ret_first;
	if (dash && text_parse_u64(dash + 1, *ret_first, 65535, &last) < 0)
		return -1;
	*ret_count = last - *ret_first + 1;
	return 0;
}

int network_options_parse_protocol(const char *name, enum lxcri_protocol *ret)
{
	static const char *const names[] = {
		[LXCRI_PROTOCOL_TCP] = "tcp",
		[LXCRI_PROTOCOL_UDP] = "udp",
		[LXCRI_PROTOCOL_SCTP] = "sctp",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum lxcri_protocol)i;
			return 0;
		}
	return -1;
}

/* Cuts what stands behind the last colon of @text off, and returns it; NULL when there is none. */
static char *cut_last(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

/* Keeps the address, without the brackets that IPv6 is written in. */
static int take_address(const char *address, struct strings *texts, struct lxcri_port *ret)
{
	size_t length = strlen(address);
	bool bracketed = length > 2 && address[0] == '[' && address[length - 1] == ']';

	if (length == 0 || (strchr(address, ':') && !bracketed))
		return -1;
	strings_add_consume(texts,
			    bracketed ? xstrndup(address + 1, length - 2) : xstrdup(address));
	ret->host_ip = texts->items[texts->count - 1];
	return 0;
}

int network_options_parse_port(const char *value, struct strings *ret_texts, struct lxcri_port *ret,
			       struct lxcri_error *err)
{
	autofree char *text = xstrdup(value);
	char *protocol = strrchr(text, '/');
	struct lxcri_port port = {};
	uint64_t host = 0;
	uint64_t host_count = 0;
	uint64_t inside;
	uint64_t count;

	if (protocol) {
		*protocol = '\0';
		if (network_options_parse_protocol(protocol + 1, &port.protocol) < 0)
			return refuse(value, "a protocol is tcp, udp or sctp", err);
	}

	char *container = cut_last(text);
	char *host_port = container ? cut_last(text) : NULL;

	/* What is left is the address, if there were two colons. */
	if (!container)
		container = text;
	else if (!host_port)
		host_port = text;
	else if (take_address(text, ret_texts, &port) < 0)
		return refuse(value, "the address is none; IPv6 stands in brackets", err);
	if (parse_range(container, 1, &inside, &count) < 0)
		return refuse(value, "a port is a number from 1 to 65535, or a range", err);
	if (host_port && *host_port && parse_range(host_port, 0, &host, &host_count) < 0)
		return refuse(value, "a port of the host is a number from 0 to 65535, or a range",
			      err);
	if (host_count > 0 && host > 0 && host_count != count)
		return refuse(value, "both ranges have to be of one length", err);
	port.host_port = (uint16_t)host;
	port.container_port = (uint16_t)inside;
	port.count = (uint16_t)count;
	*ret = port;
	return 0;
}

/* Tells whether @text of @length bytes is an address, and not a port or an address with one. */
static bool is_address_alone(const char *text, size_t length)
{
	return length > 0 && (text[length - 1] == ']' ||
			      (memchr(text, '.', length) && !memchr(text, ':', length)));
}

int network_options_parse_published(const char *value, struct strings *ret_texts,
				    struct lxcri_port *ret, struct lxcri_error *err)
{
	const size_t length = strcspn(value, "/");
	const char *colon = memrchr(value, ':', length);
	const char *port = colon ? colon + 1 : value;
	autofree char *whole = NULL;

	/* What it leads to is not looked at: the same port will do. */
	if (!colon || is_address_alone(value, (size_t)(colon - value)))
		whole = xformat("%.*s:%.*s%s", (int)length, value, (int)(value + length - port),
				port, value + length);
	return network_options_parse_port(whole ? whole : value, ret_texts, ret, err);
}
