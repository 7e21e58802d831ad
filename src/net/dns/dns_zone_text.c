/* SPDX-License-Identifier: MIT */
/* Zones as text. */

#include "net/dns/dns_zone.h"

#include "base/mem.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <string.h>

#define WORDS_MAX 4
#define TTL_MAX   3600
#define TTL       5

/* An address with its family. */
struct address {
	int family;
	uint8_t bytes[16];
};

static int take_address(const char *text, struct address *ret, struct lxcri_error *err)
{
	ret->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(ret->family, text, ret->bytes) != 1)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.60s\" is no address", text);
	return 0;
}

static int take_number(const char *text, uint64_t max, uint64_t *ret, struct lxcri_error *err)
{
	if (text_parse_u64(text, 0, max, ret) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.60s\" is no number up to %llu",
			    text, (unsigned long long)max);
	return 0;
}

static int take_origin(struct dns_zone *zone, char **words, struct lxcri_error *err)
{
	return dns_zone_add_origin(zone, words[1], err);
}

static int take_subnet(struct dns_zone *zone, char **words, struct lxcri_error *err)
{
	char *slash = strchr(words[1], '/');
	struct address address;
	uint64_t bits;

	if (!slash)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.60s\" is no subnet", words[1]);
	*slash = '\0';
	if (take_address(words[1], &address, err) < 0 ||
	    take_number(slash + 1, 128, &bits, err) < 0)
		return -1;
	return dns_zone_add_subnet(zone, address.family, address.bytes, (unsigned int)bits, err);
}

static int take_name(struct dns_zone *zone, char **words, struct lxcri_error *err)
{
	struct address address;

	if (take_address(words[2], &address, err) < 0)
		return -1;
	return dns_zone_add_address(zone, words[1], address.family, address.bytes, err);
}

static int take_pointer(struct dns_zone *zone, char **words, struct lxcri_error *err)
{
	struct address address;

	if (take_address(words[1], &address, err) < 0)
		return -1;
	return dns_zone_add_pointer(zone, address.family, address.bytes, words[2], err);
}

static int take_service(struct dns_zone *zone, char **words, struct lxcri_error *err)
{
	uint64_t port;

	if (take_number(words[2], UINT16_MAX, &port, err) < 0)
		return -1;
	return dns_zone_add_service(zone, words[1], (uint16_t)port, words[3], err);
}

static int take_alias(struct dns_zone *zone, char **words, struct lxcri_error *err)
{
	return dns_zone_add_alias(zone, words[1], words[2], err);
}

static const struct line_kind {
	const char *word;
	size_t n_words;
	int (*take)(struct dns_zone *zone, char **words, struct lxcri_error *err);
} line_kinds[] = {
	{ "origin", 2, take_origin },   { "subnet", 2, take_subnet },   { "address", 3, take_name },
	{ "pointer", 3, take_pointer }, { "service", 4, take_service }, { "alias", 3, take_alias },
};

static size_t split(char *line, char *words[WORDS_MAX + 1])
{
	char *place = NULL;
	size_t n = 0;

	for (char *word = strtok_r(line, " ", &place); word && n <= WORDS_MAX;
	     word = strtok_r(NULL, " ", &place))
		words[n++] = word;
	return n;
}

static int take_line(struct dns_zone *zone, char **words, size_t n_words, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(line_kinds); i++)
		if (strcmp(line_kinds[i].word, words[0]) == 0 && line_kinds[i].n_words == n_words)
			return line_kinds[i].take(zone, words, err);
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.60s\" with %zu words is no line of a zone",
		    words[0], n_words);
}

int dns_zone_parse(const char *text, size_t size, struct dns_zone **ret_zone,
		   struct lxcri_error *err)
{
	autofree char *copy = xstrndup(text, size);
	autoptr(dns_zone) zone = NULL;
	char *place = NULL;
	unsigned int number = 0;

	for (char *line = strtok_r(copy, "\n", &place); line; line = strtok_r(NULL, "\n", &place)) {
		char *words[WORDS_MAX + 1];
		size_t n_words = split(line, words);
		uint64_t ttl = TTL;
		int r = 0;

		number++;
		if (n_words == 0)
			continue;
		/* What follows is made of it. */
		if (!zone && strcmp(words[0], "ttl") == 0 && n_words == 2)
			r = take_number(words[1], TTL_MAX, &ttl, err);
		if (r == 0 && !zone)
			zone = dns_zone_create((uint32_t)ttl);
		if (r == 0 && (number > 1 || strcmp(words[0], "ttl") != 0))
			r = take_line(zone, words, n_words, err);
		if (r < 0)
			return fail_while(err, "line %u of a zone", number);
	}
	*ret_zone = zone ? steal(zone) : dns_zone_create(TTL);
	return 0;
}
