/* SPDX-License-Identifier: MIT */
/* What resolvers have answered. */

#include "net/dns/dns_cache.h"

#include "base/mem.h"

#include <string.h>
#include <sys/random.h>

#define WAYS 4 /* places that an answer may have */

struct cache_slot {
	int64_t since_ms;
	int64_t until_ms; /* 0: empty */
	uint32_t age;     /* of the cache, when this came */
	struct dns_response response;
	uint16_t type;
	uint16_t class;
	bool wants_dnssec;
	bool checking_disabled;
	uint8_t name_size;
	uint8_t name[DNS_NAME_MAX];
	uint8_t bytes[DNS_CACHE_BYTES_MAX];
};

struct dns_cache {
	uint64_t seed;
	uint32_t age; /* what came before does not count */
	struct cache_slot slots[DNS_CACHE_SLOTS];
};

struct dns_cache *dns_cache_create(void)
{
	struct dns_cache *cache = xnew(struct dns_cache);

	/* Without it answers are found as well, if they were not asked for to push others out. */
	(void)!getrandom(&cache->seed, sizeof(cache->seed), GRND_NONBLOCK);
	return cache;
}

void dns_cache_free(struct dns_cache *cache)
{
	free(cache);
}

void dns_cache_clear(struct dns_cache *cache)
{
	cache->age++;
}

/* Returns the first of the places that an answer to @query may have. */
static size_t place_of(const struct dns_cache *cache, const struct dns_query *query)
{
	uint64_t hash = cache->seed ^ 14695981039346656037ull;

	for (size_t i = 0; i < query->name_size; i++)
		hash = (hash ^ query->name[i]) * 1099511628211ull;
	hash = (hash ^ query->type) * 1099511628211ull;
	return (hash >> 20) % (DNS_CACHE_SLOTS / WAYS) * WAYS;
}

static bool is_of(const struct cache_slot *slot, const struct dns_query *query)
{
	return slot->type == query->type && slot->class == query->class &&
	       slot->wants_dnssec == query->wants_dnssec &&
	       slot->checking_disabled == query->checking_disabled &&
	       slot->name_size == query->name_size &&
	       memcmp(slot->name, query->name, query->name_size) == 0;
}

bool dns_cache_find(const struct dns_cache *cache, const struct dns_query *query, int64_t now_ms,
		    struct dns_cached *ret_cached)
{
	const struct cache_slot *slots = &cache->slots[place_of(cache, query)];

	for (size_t i = 0; i < WAYS; i++) {
		if (slots[i].until_ms <= now_ms || slots[i].age != cache->age ||
		    !is_of(&slots[i], query))
			continue;
		*ret_cached = (struct dns_cached){
			.response = slots[i].response,
			.age = (uint32_t)((now_ms - slots[i].since_ms) / 1000),
			.bytes = slots[i].bytes,
		};
		return true;
	}
	return false;
}

void dns_cache_keep(struct dns_cache *cache, const struct dns_query *query, const uint8_t *bytes,
		    const struct dns_response *response, int64_t now_ms)
{
	struct cache_slot *slots = &cache->slots[place_of(cache, query)];
	struct cache_slot *slot = &slots[0];

	if (response->ttl == 0 || response->size > DNS_CACHE_BYTES_MAX)
		return;
	for (size_t i = 0; i < WAYS; i++) {
		if (slots[i].until_ms > 0 && is_of(&slots[i], query)) {
			slot = &slots[i];
			break;
		}
		if (slots[i].until_ms < slot->until_ms)
			slot = &slots[i];
	}
	slot->since_ms = now_ms;
	slot->until_ms = now_ms + 1000ll * response->ttl;
	slot->age = cache->age;
	slot->response = *response;
	slot->type = query->type;
	slot->class = query->class;
	slot->wants_dnssec = query->wants_dnssec;
	slot->checking_disabled = query->checking_disabled;
	slot->name_size = (uint8_t)query->name_size;
	memcpy(slot->name, query->name, query->name_size);
	memcpy(slot->bytes, bytes, response->size);
}
