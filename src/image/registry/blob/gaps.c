/* SPDX-License-Identifier: MIT */
/* What is missing of a blob. */

#include "image/registry/blob/gaps.h"

#include <errno.h>
#include <string.h>

static const char magic[16] = "lxcri gaps 1\n";

void gaps_init(struct gaps *gaps, uint64_t at, uint64_t size)
{
	*gaps = (struct gaps){ .items[0] = { at, size, false }, .count = at < size };
}

uint64_t gaps_missing(const struct gaps *gaps)
{
	uint64_t missing = 0;

	for (size_t i = 0; i < gaps->count; i++)
		missing += gaps->items[i].end - gaps->items[i].at;
	return missing;
}

uint64_t gaps_prefix(const struct gaps *gaps, uint64_t size)
{
	return gaps->count > 0 ? gaps->items[0].at : size;
}

/* Cuts a piece of @most bytes off the start of gap @i. */
static void split(struct gaps *gaps, size_t i, uint64_t most)
{
	struct gap *gap = &gaps->items[i];

	memmove(gap + 1, gap, (gaps->count - i) * sizeof(*gap));
	gaps->count++;
	gap[0].end = gap[0].at + most;
	gap[1].at = gap[0].end;
}

/* Returns the number of the first that nobody has; gaps->count where there is none, or as many are
 * taken as may be. */
static size_t find_free(const struct gaps *gaps)
{
	size_t first = gaps->count;
	size_t taken = 0;

	for (size_t i = gaps->count; i-- > 0;) {
		taken += gaps->items[i].is_taken;
		if (!gaps->items[i].is_taken)
			first = i;
	}
	return taken < GAPS_TAKEN_MAX ? first : gaps->count;
}

bool gaps_has_free(const struct gaps *gaps)
{
	return find_free(gaps) < gaps->count;
}

const struct gap *gaps_take(struct gaps *gaps, uint64_t most)
{
	size_t first = find_free(gaps);

	if (first == gaps->count)
		return NULL;
	if (gaps->items[first].end - gaps->items[first].at > most && gaps->count < GAPS_MAX)
		split(gaps, first, most);
	gaps->items[first].is_taken = true;
	return &gaps->items[first];
}

void gaps_take_all(struct gaps *gaps)
{
	for (size_t i = 0; i < gaps->count; i++)
		gaps->items[i].is_taken = true;
}

void gaps_give_all(struct gaps *gaps)
{
	for (size_t i = 0; i < gaps->count; i++)
		gaps->items[i].is_taken = false;
}

size_t gaps_find(const struct gaps *gaps, uint64_t at, size_t size, uint64_t *ret_at)
{
	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *gap = &gaps->items[i];

		if (gap->at < at || gap->at >= at + size)
			continue;
		*ret_at = gap->at;
		return (size_t)((gap->end < at + size ? gap->end : at + size) - gap->at);
	}
	return 0;
}

void gaps_fill(struct gaps *gaps, uint64_t at, size_t size)
{
	for (size_t i = 0; i < gaps->count; i++) {
		struct gap *gap = &gaps->items[i];

		if (gap->at != at)
			continue;
		gap->at += size;
		if (gap->at == gap->end) {
			gaps->count--;
			memmove(gap, gap + 1, (gaps->count - i) * sizeof(*gap));
		}
		return;
	}
}

void gaps_format(const struct gaps *gaps, uint64_t size, struct gaps_table *ret)
{
	*ret = (struct gaps_table){ .size = size, .count = gaps->count };
	memcpy(ret->magic, magic, sizeof(magic));
	for (size_t i = 0; i < gaps->count; i++) {
		ret->bounds[i][0] = gaps->items[i].at;
		ret->bounds[i][1] = gaps->items[i].end;
	}
}

int gaps_parse(const struct gaps_table *table, uint64_t size, struct gaps *ret)
{
	struct gaps gaps = { .count = (size_t)table->count };
	uint64_t end = 0;

	if (memcmp(table->magic, magic, sizeof(magic)) != 0 || table->size != size ||
	    table->count > GAPS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < gaps.count; i++) {
		const uint64_t *bounds = table->bounds[i];

		if (bounds[0] < end || bounds[0] >= bounds[1] || bounds[1] > size)
			return -EINVAL;
		end = bounds[1];
		gaps.items[i] = (struct gap){ bounds[0], bounds[1], false };
	}
	*ret = gaps;
	return 0;
}
