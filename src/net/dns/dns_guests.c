/* SPDX-License-Identifier: MIT */
/* Who may ask at sockets that several networks share. */

#include "net/dns/dns_guests.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <string.h>

#define ADDRESS_BYTES 16

struct guest {
	uint8_t family;
	uint8_t bytes[ADDRESS_BYTES];
	uint32_t line;
	uint32_t network; /* where its name begins in the text */
};

struct dns_guests {
	char *text; /* each line ends in a NUL */
	size_t count;
	struct guest *items; /* in the order of their addresses */
};

void dns_guests_free(struct dns_guests *guests)
{
	if (!guests)
		return;
	free(guests->items);
	free(guests->text);
	free(guests);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct guest *left = a;
	const struct guest *right = b;

	if (left->family != right->family)
		return left->family < right->family ? -1 : 1;
	return memcmp(left->bytes, right->bytes, sizeof(left->bytes));
}

static int compare(const void *a, const void *b)
{
	const int order = compare_addresses(a, b);
	const struct guest *left = a;
	const struct guest *right = b;

	if (order != 0)
		return order;
	return left->line < right->line ? -1 : left->line > right->line;
}

/* Of those with one address the first stays. */
static void drop_repeated(struct dns_guests *guests)
{
	size_t kept = 0;

	for (size_t i = 0; i < guests->count; i++)
		if (kept == 0 ||
		    compare_addresses(&guests->items[kept - 1], &guests->items[i]) != 0)
			guests->items[kept++] = guests->items[i];
	guests->count = kept;
}

/* Reads the line at @line, whose address is ended here. Returns false when it makes no sense. */
static bool take_line(struct dns_guests *guests, char *line, uint32_t number)
{
	char *blank = strchr(line, ' ');
	struct guest guest = { .line = number };

	if (!blank || !blank[1] || strchr(blank + 1, ' '))
		return false;
	*blank = '\0';
	guest.network = (uint32_t)(blank + 1 - guests->text);
	guest.family = strchr(line, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(guest.family, line, guest.bytes) != 1)
		return false;
	guests->items[guests->count++] = guest;
	return true;
}

int dns_guests_parse(const char *text, size_t size, struct dns_guests **ret_guests,
		     struct lxcri_error *err)
{
	autoptr(dns_guests) guests = xnew(struct dns_guests);
	uint32_t number = 0;
	char *next = NULL;
	size_t lines = 0;

	guests->text = xstrndup(text, size);
	for (const char *c = guests->text; *c; c++)
		lines += *c == '\n';
	if (lines > DNS_GUESTS_MAX || strlen(guests->text) != size)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d guests", DNS_GUESTS_MAX);
	guests->items = xcalloc(lines + 1, sizeof(*guests->items));
	for (char *line = guests->text; *line; line = next) {
		char *end = strchr(line, '\n');

		number++;
		if (!end)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "line %u of guests has no end",
				    number);
		*end = '\0';
		next = end + 1;
		if (!take_line(guests, line, number))
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "line %u is no guest", number);
	}
	qsort(guests->items, guests->count, sizeof(*guests->items), compare);
	drop_repeated(guests);
	*ret_guests = steal(guests);
	return 0;
}

const char *dns_guests_find(const struct dns_guests *guests, const union dns_address *address)
{
	struct guest wanted = { .family = (uint8_t)address->any.sa_family };
	const struct guest *found;

	if (wanted.family == AF_INET)
		memcpy(wanted.bytes, &address->v4.sin_addr, sizeof(address->v4.sin_addr));
	else if (wanted.family == AF_INET6)
		memcpy(wanted.bytes, &address->v6.sin6_addr, sizeof(address->v6.sin6_addr));
	else
		return NULL;
	found = bsearch(&wanted, guests->items, guests->count, sizeof(wanted), compare_addresses);
	return found ? guests->text + found->network : NULL;
}
