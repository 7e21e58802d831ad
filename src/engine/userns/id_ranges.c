/* SPDX-License-Identifier: MIT */
/* Ranges of ids. */

#include "engine/userns/id_ranges.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <string.h>

void id_ranges_finish(struct id_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct id_ranges){};
}

void id_ranges_add(struct id_ranges *ranges, uint64_t start, uint64_t size)
{
	if (size == 0 || start >= ID_END)
		return;
	if (size > ID_END - start)
		size = ID_END - start;
	ranges->items = xreallocarray(ranges->items, ranges->count + 1, sizeof(*ranges->items));
	ranges->items[ranges->count++] = (struct id_range){ .start = start, .size = size };
}

void id_ranges_add_subids(struct id_ranges *ranges, const char *text, const char *own)
{
	autofree char *copy = xstrdup(text);
	char *rest = copy;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		const char *name = strsep(&line, ":");
		const char *first = strsep(&line, ":");
		uint64_t start;
		uint64_t size;

		if (!first || !line || text_parse_u64(first, 0, UINT32_MAX, &start) < 0 ||
		    text_parse_u64(line, 0, UINT64_C(1) << 32, &size) < 0)
			continue;
		if (*name != '#' && strcmp(name, own) != 0)
			id_ranges_add(ranges, start, size);
	}
}

static int compare(const void *a, const void *b)
{
	const struct id_range *left = a;
	const struct id_range *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

int id_ranges_find_free(struct id_ranges *ranges, const struct id_pool_bounds *pool,
			uint32_t *ret_start, struct lxcri_error *err)
{
	uint64_t slot = 0;

	if (ranges->count > 0)
		qsort(ranges->items, ranges->count, sizeof(*ranges->items), compare);
	/* Those that begin earlier were passed already, so a slot only ever moves up. */
	for (size_t i = 0; i < ranges->count; i++) {
		const struct id_range *taken = &ranges->items[i];
		uint64_t start = pool->start + slot * pool->size;
		uint64_t end = taken->start + taken->size;

		if (taken->start >= start + pool->size)
			break;
		if (end > start)
			slot = (end - pool->start + pool->size - 1) / pool->size;
	}
	if (slot >= pool->count || pool->start + (slot + 1) * pool->size > ID_END)
		return fail(err, LXCRI_E_ID_RANGES_EXHAUSTED,
			    "no range of %ju ids is free from %ju on; delete a container, raise "
			    "userns.count, or use --userns host",
			    (uintmax_t)pool->size, (uintmax_t)pool->start);
	*ret_start = (uint32_t)(pool->start + slot * pool->size);
	return 0;
}
