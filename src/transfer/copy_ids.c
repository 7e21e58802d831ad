/* SPDX-License-Identifier: MIT */
/* The numbers of a container against those of the host. */

#include "transfer/copy_ids.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* Reads the next number of *@text and moves behind it. */
static int take_number(const char **text, uint32_t *ret)
{
	const char *start = *text;
	char *end;
	unsigned long long value;

	while (isspace((unsigned char)*start))
		start++;
	if (!isdigit((unsigned char)*start))
		return -EINVAL;
	errno = 0;
	value = strtoull(start, &end, 10);
	if (errno != 0 || value > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	*text = end;
	return 0;
}

int copy_ids_parse(const char *text, struct copy_ids *ret_map)
{
	struct copy_ids map = {};

	for (;;) {
		struct copy_id_range range;

		while (text && isspace((unsigned char)*text))
			text++;
		if (!text || !*text)
			break;
		if (map.count == COPY_ID_RANGES_MAX || take_number(&text, &range.inside) < 0 ||
		    take_number(&text, &range.outside) < 0 || take_number(&text, &range.count) < 0)
			return -EINVAL;
		if (range.count == 0 || range.inside > UINT32_MAX - range.count ||
		    range.outside > UINT32_MAX - range.count)
			return -EINVAL;
		map.ranges[map.count++] = range;
	}
	*ret_map = map;
	return 0;
}

bool copy_ids_is_plain(const struct copy_ids *map)
{
	for (size_t i = 0; i < map->count; i++)
		if (map->ranges[i].inside != map->ranges[i].outside)
			return false;
	return true;
}

uint32_t copy_ids_outside(const struct copy_ids *map, uint32_t inside)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct copy_id_range *range = &map->ranges[i];

		if (inside >= range->inside && inside - range->inside < range->count)
			return range->outside + (inside - range->inside);
	}
	return map->count == 0 ? inside : COPY_ID_NONE;
}

uint32_t copy_ids_inside(const struct copy_ids *map, uint32_t outside)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct copy_id_range *range = &map->ranges[i];

		if (outside >= range->outside && outside - range->outside < range->count)
			return range->inside + (outside - range->outside);
	}
	return map->count == 0 ? outside : COPY_ID_NONE;
}
