/* SPDX-License-Identifier: MIT */
/* What was read of layers, kept while it is used often. Entries stand in a list, the one that was
 * used last in front. */

#include "image/layer/layer.h"

#include "base/fnv.h"
#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define BUCKETS 256

struct entry {
	struct lxcri_layer_record record; /* the first member: what callers hold */
	char *digest;
	unsigned int holders;
	bool is_replaced; /* no longer in the cache: freed by the last holder */
	struct entry *before;
	struct entry *after;
	struct entry *next; /* of the bucket */
};

struct lxcri_metadata_cache {
	pthread_mutex_t lock;
	size_t max;
	struct entry *newest;
	struct entry *oldest;
	struct entry *buckets[BUCKETS];
	struct lxcri_cache_counters counters;
};

struct lxcri_metadata_cache *lxcri_metadata_cache_create(size_t max_entries)
{
	struct lxcri_metadata_cache *cache = xnew(struct lxcri_metadata_cache);

	(void)pthread_mutex_init(&cache->lock, NULL);
	cache->max = max_entries > 0 ? max_entries : 1;
	return cache;
}

static void free_entry(struct entry *entry)
{
	free((char *)entry->record.diff_id);
	free((char *)entry->record.parent);
	free(entry->digest);
	free(entry);
}

static struct entry **bucket_of(struct lxcri_metadata_cache *cache, const char *digest)
{
	uint64_t sum = FNV_START;

	for (; *digest; digest++)
		sum = fnv_add(sum, (unsigned char)*digest);
	return &cache->buckets[sum % BUCKETS];
}

static struct entry *find(struct lxcri_metadata_cache *cache, const char *digest)
{
	struct entry *entry = *bucket_of(cache, digest);

	while (entry && strcmp(entry->digest, digest) != 0)
		entry = entry->next;
	return entry;
}

static void unlist(struct lxcri_metadata_cache *cache, struct entry *entry)
{
	*(entry->before ? &entry->before->after : &cache->newest) = entry->after;
	*(entry->after ? &entry->after->before : &cache->oldest) = entry->before;
	entry->before = NULL;
	entry->after = NULL;
}

static void put_in_front(struct lxcri_metadata_cache *cache, struct entry *entry)
{
	entry->after = cache->newest;
	*(cache->newest ? &cache->newest->before : &cache->oldest) = entry;
	cache->newest = entry;
}

/* Takes @entry out of the cache; it stays for who holds it. */
static void take_out(struct lxcri_metadata_cache *cache, struct entry *entry)
{
	struct entry **link = bucket_of(cache, entry->digest);

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	unlist(cache, entry);
	cache->counters.entries--;
	entry->is_replaced = true;
	if (entry->holders == 0)
		free_entry(entry);
}

static void shrink(struct lxcri_metadata_cache *cache)
{
	struct entry *entry = cache->oldest;

	while (entry && cache->counters.entries > cache->max) {
		struct entry *newer = entry->before;

		if (entry->holders == 0) {
			take_out(cache, entry);
			cache->counters.evicted++;
		}
		entry = newer;
	}
}

void lxcri_metadata_cache_free(struct lxcri_metadata_cache *cache)
{
	if (!cache)
		return;
	while (cache->newest)
		take_out(cache, cache->newest);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}

const struct lxcri_layer_record *lxcri_metadata_cache_get(struct lxcri_metadata_cache *cache,
							  const char *digest)
{
	(void)pthread_mutex_lock(&cache->lock);

	struct entry *entry = find(cache, digest);

	if (entry) {
		entry->holders++;
		unlist(cache, entry);
		put_in_front(cache, entry);
		cache->counters.hits++;
	} else {
		cache->counters.misses++;
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return entry ? &entry->record : NULL;
}

void lxcri_metadata_cache_release(struct lxcri_metadata_cache *cache,
				  const struct lxcri_layer_record *record)
{
	struct entry *entry = (struct entry *)record;

	if (!entry)
		return;
	(void)pthread_mutex_lock(&cache->lock);
	assert(entry->holders > 0);
	if (--entry->holders == 0 && entry->is_replaced)
		free_entry(entry);
	else
		shrink(cache);
	(void)pthread_mutex_unlock(&cache->lock);
}

void lxcri_metadata_cache_put(struct lxcri_metadata_cache *cache, const char *digest,
			      const struct lxcri_layer_record *record)
{
	struct entry *entry = xnew(struct entry);

	entry->digest = xstrdup(digest);
	entry->record = *record;
	entry->record.diff_id = record->diff_id ? xstrdup(record->diff_id) : NULL;
	entry->record.parent = record->parent ? xstrdup(record->parent) : NULL;
	(void)pthread_mutex_lock(&cache->lock);

	struct entry *old = find(cache, digest);
	struct entry **bucket = bucket_of(cache, digest);

	if (old)
		take_out(cache, old);
	entry->next = *bucket;
	*bucket = entry;
	put_in_front(cache, entry);
	cache->counters.stored++;
	cache->counters.entries++;
	shrink(cache);
	(void)pthread_mutex_unlock(&cache->lock);
}

struct lxcri_cache_counters lxcri_metadata_cache_counters(struct lxcri_metadata_cache *cache)
{
	(void)pthread_mutex_lock(&cache->lock);

	struct lxcri_cache_counters counters = cache->counters;

	(void)pthread_mutex_unlock(&cache->lock);
	return counters;
}
