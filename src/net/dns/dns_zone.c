/* SPDX-License-Identifier: MIT */
/* What one network's names lead to.
 *
 * Nodes are found by a hash of the name that is taken from its end, so that one pass over a name
 * gives the hash of each name above it as well. Each node has a chain of records, in the order in
 * which they were added. Names and data lie in one arena. */

#include "net/dns/dns_zone.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define NONE UINT32_MAX

/* The same data is not added twice as long as a chain is no longer than this. */
#define SAME_SEARCH_MAX 64

/* Reverse names end at whole labels; a subnet that ends within one has several origins. */
#define SUBNET_ORIGINS_MAX 128

struct zone_node {
	uint32_t hash;
	uint32_t name; /* in the arena */
	uint32_t first;
	uint32_t last;
	uint32_t soa; /* data of an origin; NONE: it is none */
	uint32_t n_records;
	uint16_t soa_size;
	uint8_t name_size;
};

struct zone_record {
	uint32_t next;
	uint32_t data;
	uint16_t type;
	uint16_t size;
};

struct dns_zone {
	struct zone_node *nodes;
	struct zone_record *records;
	uint8_t *arena;
	uint32_t *table; /* of nodes; its size is a power of two */
	size_t n_nodes;
	size_t nodes_room;
	size_t n_records;
	size_t records_room;
	size_t arena_size;
	size_t arena_room;
	size_t table_size;
	uint32_t seed;
	uint32_t ttl;
};

struct dns_zone *dns_zone_create(uint32_t ttl)
{
	struct dns_zone *zone = xnew(struct dns_zone);

	zone->ttl = ttl;
	zone->table_size = 64;
	zone->table = xcalloc(zone->table_size, sizeof(*zone->table));
	memset(zone->table, 0xff, zone->table_size * sizeof(*zone->table));
	/* Without it names are found as well, if they were not chosen to be slow. */
	(void)!getrandom(&zone->seed, sizeof(zone->seed), GRND_NONBLOCK);
	return zone;
}

void dns_zone_free(struct dns_zone *zone)
{
	if (!zone)
		return;
	free(zone->nodes);
	free(zone->records);
	free(zone->arena);
	free(zone->table);
	free(zone);
}

static uint32_t hash_more(uint32_t hash, const uint8_t *bytes, size_t size)
{
	while (size-- > 0)
		hash = (hash ^ bytes[size]) * 16777619u;
	return hash;
}

/* A name with the places and hashes of all names above it, itself first. */
struct ladder {
	const uint8_t *name;
	size_t size;
	size_t count;
	uint8_t offsets[DNS_LABELS_MAX];
	uint32_t hashes[DNS_LABELS_MAX];
};

static void climb(const struct dns_zone *zone, const uint8_t *name, size_t size,
		  struct ladder *ladder)
{
	uint32_t hash = zone->seed;
	size_t end = size;

	ladder->name = name;
	ladder->size = size;
	ladder->count = 0;
	for (size_t at = 0; name[at]; at += name[at] + 1u)
		ladder->offsets[ladder->count++] = (uint8_t)at;
	for (size_t i = ladder->count; i-- > 0;) {
		hash = hash_more(hash, name + ladder->offsets[i], end - ladder->offsets[i]);
		ladder->hashes[i] = hash ^ hash >> 15;
		end = ladder->offsets[i];
	}
}

static struct zone_node *find(const struct dns_zone *zone, const struct ladder *ladder, size_t i)
{
	const uint8_t *name = ladder->name + ladder->offsets[i];
	const size_t size = ladder->size - ladder->offsets[i];
	const size_t mask = zone->table_size - 1;

	for (size_t slot = ladder->hashes[i] & mask; zone->table[slot] != NONE;
	     slot = (slot + 1) & mask) {
		struct zone_node *node = &zone->nodes[zone->table[slot]];

		if (node->hash == ladder->hashes[i] && node->name_size == size &&
		    memcmp(zone->arena + node->name, name, size) == 0)
			return node;
	}
	return NULL;
}

static void *grow(void *memory, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return memory;
	*room = *room ? *room * 2 : 64;
	return xreallocarray(memory, *room, size);
}

static uint32_t keep(struct dns_zone *zone, const uint8_t *bytes, size_t size)
{
	const size_t at = zone->arena_size;

	while (zone->arena_room < at + size) {
		zone->arena_room = zone->arena_room ? zone->arena_room * 2 : 4096;
		zone->arena = xreallocarray(zone->arena, zone->arena_room, 1);
	}
	memcpy(zone->arena + at, bytes, size);
	zone->arena_size += size;
	return (uint32_t)at;
}

static void place_node(struct dns_zone *zone, uint32_t index)
{
	const size_t mask = zone->table_size - 1;
	size_t slot = zone->nodes[index].hash & mask;

	while (zone->table[slot] != NONE)
		slot = (slot + 1) & mask;
	zone->table[slot] = index;
}

static void widen_table(struct dns_zone *zone)
{
	free(zone->table);
	zone->table_size *= 2;
	zone->table = xcalloc(zone->table_size, sizeof(*zone->table));
	memset(zone->table, 0xff, zone->table_size * sizeof(*zone->table));
	for (uint32_t i = 0; i < zone->n_nodes; i++)
		place_node(zone, i);
}

static struct zone_node *add_node(struct dns_zone *zone, const struct ladder *ladder, size_t i)
{
	const size_t size = ladder->size - ladder->offsets[i];

	if (zone->n_nodes * 2 >= zone->table_size)
		widen_table(zone);
	zone->nodes = grow(zone->nodes, zone->n_nodes, &zone->nodes_room, sizeof(*zone->nodes));
	zone->nodes[zone->n_nodes] = (struct zone_node){
		.hash = ladder->hashes[i],
		.name = keep(zone, ladder->name + ladder->offsets[i], size),
		.name_size = (uint8_t)size,
		.first = NONE,
		.last = NONE,
		.soa = NONE,
	};
	place_node(zone, (uint32_t)zone->n_nodes);
	return &zone->nodes[zone->n_nodes++];
}

/* Returns the node of @name, made with those above it when it is new: a name exists when there is
 * one below it. NULL, and @err is filled, when there are too many. */
static struct zone_node *need_node(struct dns_zone *zone, const uint8_t *name, size_t size,
				   struct lxcri_error *err)
{
	struct zone_node *node = NULL;
	struct ladder ladder;

	climb(zone, name, size, &ladder);
	for (size_t i = ladder.count; i-- > 0;) {
		node = find(zone, &ladder, i);
		if (node)
			continue;
		if (zone->n_nodes == DNS_ZONE_NAMES_MAX) {
			(void)fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d names",
				   DNS_ZONE_NAMES_MAX);
			return NULL;
		}
		/* "cluster.local" makes no host of "local". */
		if (i + 1 == ladder.count && ladder.count > 1)
			continue;
		node = add_node(zone, &ladder, i);
	}
	return node;
}

static bool has_record(const struct dns_zone *zone, const struct zone_node *node, uint16_t type,
		       const uint8_t *data, size_t size)
{
	if (node->n_records > SAME_SEARCH_MAX)
		return false;
	for (uint32_t i = node->first; i != NONE; i = zone->records[i].next) {
		const struct zone_record *record = &zone->records[i];

		if (record->type == type && record->size == size &&
		    memcmp(zone->arena + record->data, data, size) == 0)
			return true;
	}
	return false;
}

static int add_record(struct dns_zone *zone, const uint8_t *name, size_t name_size,
		      const struct dns_record *from, struct lxcri_error *err)
{
	struct zone_node *node = need_node(zone, name, name_size, err);
	const uint32_t index = (uint32_t)zone->n_records;

	if (!node)
		return -1;
	if (has_record(zone, node, from->type, from->data, from->data_size))
		return 0;
	if (zone->n_records == DNS_ZONE_RECORDS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d records",
			    DNS_ZONE_RECORDS_MAX);
	zone->records =
		grow(zone->records, zone->n_records, &zone->records_room, sizeof(*zone->records));
	zone->records[index] = (struct zone_record){
		.next = NONE,
		.data = keep(zone, from->data, from->data_size),
		.type = from->type,
		.size = (uint16_t)from->data_size,
	};
	zone->n_records++;
	if (node->last == NONE)
		node->first = index;
	else
		zone->records[node->last].next = index;
	node->last = index;
	node->n_records++;
	return 0;
}

static int parse_name(const char *text, uint8_t wire[DNS_NAME_MAX], struct lxcri_error *err)
{
	int size = dns_name_parse(text, wire);

	return size < 0 ? fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.260s\" is no name of a host",
			       text)
			: size;
}

/* Gives an origin the record that goes with an absence: how long that holds is its last number. */
static int add_origin(struct dns_zone *zone, const uint8_t *name, size_t size,
		      struct lxcri_error *err)
{
	static const uint8_t hosts[] = "\2ns\3dns";
	static const uint8_t mail[] = "\12hostmaster";
	const uint32_t numbers[] = { htonl(1), htonl(7200), htonl(1800), htonl(86400),
				     htonl(zone->ttl) };
	uint8_t data[2 * DNS_NAME_MAX + sizeof(numbers) + sizeof(hosts) + sizeof(mail)];
	struct zone_node *node = need_node(zone, name, size, err);
	size_t at = 0;

	if (!node)
		return -1;
	/* A name that would be too long is the origin's own then. */
	if (size + sizeof(hosts) <= DNS_NAME_MAX) {
		memcpy(data, hosts, sizeof(hosts) - 1);
		at = sizeof(hosts) - 1;
	}
	memcpy(data + at, name, size);
	at += size;
	if (size + sizeof(mail) <= DNS_NAME_MAX) {
		memcpy(data + at, mail, sizeof(mail) - 1);
		at += sizeof(mail) - 1;
	}
	memcpy(data + at, name, size);
	at += size;
	memcpy(data + at, numbers, sizeof(numbers));
	node->soa_size = (uint16_t)(at + sizeof(numbers));
	node->soa = keep(zone, data, node->soa_size);
	return 0;
}

int dns_zone_add_origin(struct dns_zone *zone, const char *name, struct lxcri_error *err)
{
	uint8_t wire[DNS_NAME_MAX];
	int size = parse_name(name, wire, err);

	return size < 0 ? -1 : add_origin(zone, wire, (size_t)size, err);
}

int dns_zone_add_subnet(struct dns_zone *zone, int family, const void *address, unsigned int bits,
			struct lxcri_error *err)
{
	const unsigned int step = family == AF_INET ? 8 : 4;
	const unsigned int longest = family == AF_INET ? 24 : 124;
	const unsigned int kept = bits < longest ? bits : longest;
	const unsigned int within = kept % step;
	const unsigned int count = within ? 1u << (step - within) : 1;
	const unsigned int last = (kept + step - 1) / step - 1;
	uint8_t bytes[16];

	if (bits == 0 || bits > (family == AF_INET ? 32 : 128) || count > SUBNET_ORIGINS_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a subnet of %u bits", bits);
	memcpy(bytes, address, family == AF_INET ? 4 : 16);
	for (unsigned int i = 0; i < count; i++) {
		uint8_t wire[DNS_NAME_MAX];
		uint8_t *byte = &bytes[family == AF_INET ? last : last / 2];
		const unsigned int shift = family == AF_INET || last % 2 ? 0 : 4;
		const unsigned int mask = (count - 1) << shift;

		if (within)
			*byte = (uint8_t)((*byte & ~mask) | i << shift);

		size_t size = dns_name_of_address(family, bytes, kept, wire);

		if (add_origin(zone, wire, size, err) < 0)
			return -1;
	}
	return 0;
}

int dns_zone_add_address(struct dns_zone *zone, const char *name, int family, const void *address,
			 struct lxcri_error *err)
{
	const struct dns_record record = { .type = family == AF_INET ? DNS_A : DNS_AAAA,
					   .data = address,
					   .data_size = family == AF_INET ? 4 : 16 };
	uint8_t wire[DNS_NAME_MAX];
	int size = parse_name(name, wire, err);

	return size < 0 ? -1 : add_record(zone, wire, (size_t)size, &record, err);
}

int dns_zone_add_pointer(struct dns_zone *zone, int family, const void *address, const char *name,
			 struct lxcri_error *err)
{
	uint8_t target[DNS_NAME_MAX];
	uint8_t wire[DNS_NAME_MAX];
	size_t wire_size = dns_name_of_address(family, address, family == AF_INET ? 32 : 128, wire);
	int size = parse_name(name, target, err);
	const struct dns_record record = { .type = DNS_PTR,
					   .data = target,
					   .data_size = (size_t)size };

	return size < 0 ? -1 : add_record(zone, wire, wire_size, &record, err);
}

int dns_zone_add_service(struct dns_zone *zone, const char *name, uint16_t port, const char *target,
			 struct lxcri_error *err)
{
	uint8_t wire[DNS_NAME_MAX];
	uint8_t data[6 + DNS_NAME_MAX] = { 0, 0, 0, 100, (uint8_t)(port >> 8), (uint8_t)port };
	int size = parse_name(name, wire, err);
	int target_size = size < 0 ? -1 : parse_name(target, data + 6, err);
	const struct dns_record record = { .type = DNS_SRV,
					   .data = data,
					   .data_size = 6 + (size_t)target_size };

	return target_size < 0 ? -1 : add_record(zone, wire, (size_t)size, &record, err);
}

int dns_zone_add_alias(struct dns_zone *zone, const char *name, const char *target,
		       struct lxcri_error *err)
{
	uint8_t wire[DNS_NAME_MAX];
	uint8_t data[DNS_NAME_MAX];
	int size = parse_name(name, wire, err);
	int target_size = size < 0 ? -1 : parse_name(target, data, err);
	const struct dns_record record = { .type = DNS_CNAME,
					   .data = data,
					   .data_size = (size_t)target_size };

	return target_size < 0 ? -1 : add_record(zone, wire, (size_t)size, &record, err);
}

static void answer_record(const struct dns_zone *zone, const struct zone_record *from,
			  struct dns_answer *answer)
{
	const struct dns_record record = { .type = from->type,
					   .ttl = zone->ttl,
					   .data = zone->arena + from->data,
					   .data_size = from->size };

	dns_answer_add(answer, DNS_ANSWER, &record);
}

/* Adds the records of @node that are asked for, beginning with another one for each question, so
 * that load is spread. Returns how many there are. */
static unsigned int answer_node(const struct dns_zone *zone, const struct zone_node *node,
				const struct dns_query *query, struct dns_answer *answer)
{
	const uint16_t type = query->type;
	unsigned int count = 0;
	unsigned int seen = 0;

	for (uint32_t i = node->first; i != NONE; i = zone->records[i].next)
		count += type == zone->records[i].type || type == DNS_ANY;
	if (count == 0)
		return 0;

	const unsigned int start = query->id % count;

	for (unsigned int turn = 0; turn < 2; turn++) {
		seen = 0;
		for (uint32_t i = node->first; i != NONE; i = zone->records[i].next) {
			if (type != zone->records[i].type && type != DNS_ANY)
				continue;
			if ((seen++ >= start) != (turn == 1))
				answer_record(zone, &zone->records[i], answer);
		}
	}
	return count;
}

/* Returns @from as a record of the name @ladder, where the question was for another one. */
static struct dns_record record_called(const struct dns_zone *zone, const struct ladder *ladder,
				       const struct zone_record *from)
{
	return (struct dns_record){ .name = ladder->name,
				    .name_size = ladder->size,
				    .type = from->type,
				    .ttl = zone->ttl,
				    .data = zone->arena + from->data,
				    .data_size = from->size };
}

/* Adds the addresses of the targets of SRV records, as far as there is room. */
static void add_targets(const struct dns_zone *zone, const struct zone_node *node,
			struct dns_answer *answer)
{
	for (uint32_t i = node->first; i != NONE && !answer->truncated; i = zone->records[i].next) {
		const struct zone_record *service = &zone->records[i];
		struct ladder ladder;

		if (service->type != DNS_SRV)
			continue;
		climb(zone, zone->arena + service->data + 6, service->size - 6u, &ladder);

		const struct zone_node *target = find(zone, &ladder, 0);

		for (uint32_t j = target ? target->first : NONE; j != NONE;
		     j = zone->records[j].next) {
			const struct zone_record *from = &zone->records[j];
			const struct dns_record record = record_called(zone, &ladder, from);

			if (from->type == DNS_A || from->type == DNS_AAAA)
				dns_answer_add(answer, DNS_ADDITIONAL, &record);
		}
	}
}

/* A name of one label is an origin of its own. Its record repeats none of its long names. */
static void add_own_soa(const struct dns_zone *zone, struct dns_answer *answer)
{
	static const uint8_t none[] = { 0, 0 };
	const uint32_t numbers[] = { htonl(1), htonl(7200), htonl(1800), htonl(86400),
				     htonl(zone->ttl) };
	uint8_t data[sizeof(none) + sizeof(numbers)];
	const struct dns_record record = {
		.type = DNS_SOA, .ttl = zone->ttl, .data = data, .data_size = sizeof(data)
	};

	memcpy(data, none, sizeof(none));
	memcpy(data + sizeof(none), numbers, sizeof(numbers));
	dns_answer_add(answer, DNS_AUTHORITY, &record);
}

static void add_soa(const struct dns_zone *zone, const struct zone_node *origin,
		    enum dns_section section, struct dns_answer *answer)
{
	const struct dns_record record = { .name = zone->arena + origin->name,
					   .name_size = origin->name_size,
					   .type = DNS_SOA,
					   .ttl = zone->ttl,
					   .data = zone->arena + origin->soa,
					   .data_size = origin->soa_size };

	dns_answer_add(answer, section, &record);
}

static const struct zone_node *find_origin(const struct dns_zone *zone, const struct ladder *ladder)
{
	for (size_t i = 0; i < ladder->count; i++) {
		const struct zone_node *node = find(zone, ladder, i);

		if (node && node->soa != NONE)
			return node;
	}
	return NULL;
}

static bool wants_address(uint16_t type)
{
	return type == DNS_A || type == DNS_AAAA;
}

static const struct zone_record *find_alias(const struct dns_zone *zone,
					    const struct zone_node *node)
{
	return node && node->first != NONE && zone->records[node->first].type == DNS_CNAME
		       ? &zone->records[node->first]
		       : NULL;
}

size_t dns_zone_find_alias(const struct dns_zone *zone, const uint8_t *name, size_t size,
			   uint8_t target[DNS_NAME_MAX])
{
	const struct zone_record *alias;
	struct ladder ladder;

	climb(zone, name, size, &ladder);
	alias = ladder.count > 0 ? find_alias(zone, find(zone, &ladder, 0)) : NULL;
	if (!alias)
		return 0;
	memcpy(target, zone->arena + alias->data, alias->size);
	return alias->size;
}

/* Adds the alias, and the addresses of where it leads if that is ours; from there no other alias is
 * followed. */
static int answer_alias(const struct dns_zone *zone, const struct zone_record *alias,
			const struct dns_query *query, struct dns_answer *answer)
{
	const struct zone_node *node;
	struct ladder ladder;

	answer->authoritative = true;
	answer_record(zone, alias, answer);
	if (!wants_address(query->type))
		return DNS_NOERROR;
	climb(zone, zone->arena + alias->data, alias->size, &ladder);
	node = ladder.count > 0 ? find(zone, &ladder, 0) : NULL;
	for (uint32_t i = node ? node->first : NONE; i != NONE; i = zone->records[i].next) {
		const struct zone_record *from = &zone->records[i];
		const struct dns_record record = record_called(zone, &ladder, from);

		if (from->type == query->type)
			dns_answer_add(answer, DNS_ANSWER, &record);
	}
	return node || ladder.count < 2 || find_origin(zone, &ladder) ? DNS_NOERROR : -EREMOTE;
}

int dns_zone_ask(const struct dns_zone *zone, const struct dns_query *query,
		 struct dns_answer *answer)
{
	struct ladder ladder;

	climb(zone, query->name, query->name_size, &ladder);
	if (ladder.count == 0)
		return -ENOENT;

	const struct zone_node *node = find(zone, &ladder, 0);
	unsigned int found = 0;

	if (node && (query->class == DNS_CLASS_IN || query->class == DNS_CLASS_ANY))
		found = answer_node(zone, node, query, answer);
	if (found > 0) {
		answer->authoritative = true;
		if (query->type == DNS_SRV)
			add_targets(zone, node, answer);
		return DNS_NOERROR;
	}

	const struct zone_record *alias = find_alias(zone, node);

	if (alias)
		return answer_alias(zone, alias, query, answer);

	const struct zone_node *origin = find_origin(zone, &ladder);

	if (!origin && ladder.count == 1 && (node || wants_address(query->type))) {
		answer->authoritative = true;
		add_own_soa(zone, answer);
		return node ? DNS_NOERROR : DNS_NXDOMAIN;
	}
	if (!origin)
		return -ENOENT;
	answer->authoritative = true;
	if (query->type == DNS_SOA && node == origin)
		add_soa(zone, origin, DNS_ANSWER, answer);
	else
		add_soa(zone, origin, DNS_AUTHORITY, answer);
	return node ? DNS_NOERROR : DNS_NXDOMAIN;
}
