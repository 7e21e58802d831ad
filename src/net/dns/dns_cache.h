/* SPDX-License-Identifier: MIT */
#pragma once

/* What resolvers have answered, for as long as that holds. Of one size from the beginning: what is
 * new takes the place of what ends first among a few. An answer is kept whole, for its question
 * alone, so that no record of it speaks for another name. */

#include "base/scope.h"
#include "net/dns/dns_message.h"

#define DNS_CACHE_SLOTS     1024
#define DNS_CACHE_BYTES_MAX 768 /* longer answers are not kept */

struct dns_cache;

/* Makes an empty cache. The caller owns it. */
[[nodiscard]] struct dns_cache *dns_cache_create(void);

/* Frees it; NULL is fine. */
void dns_cache_free(struct dns_cache *cache);
DEFINE_AUTOPTR(dns_cache)

/* An answer that is kept; borrowed until the next change. */
struct dns_cached {
	struct dns_response response;
	uint32_t age; /* in seconds */
	const uint8_t *bytes;
};

/* Finds what was answered to @query. Returns true, or false when nothing of it holds at @now_ms. */
bool dns_cache_find(const struct dns_cache *cache, const struct dns_query *query, int64_t now_ms,
		    struct dns_cached *ret_cached);

/* Keeps an answer to @query, unless it is too long or holds no time. */
void dns_cache_keep(struct dns_cache *cache, const struct dns_query *query, const uint8_t *bytes,
		    const struct dns_response *response, int64_t now_ms);

/* Forgets everything: the resolvers are others. */
void dns_cache_clear(struct dns_cache *cache);
