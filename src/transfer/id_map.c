/* SPDX-License-Identifier: MIT */
/* The numbers of a container against those of the host. */

#include "transfer/id_map.h"

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

int id_map_parse(const char *text, struct id_map *ret_map)
{
	struct id_map map = {};

	for (;;) {
		struct id_range range;

		while (text && isspace((unsigned char)*text))
			text++;
		if (!text || !*text)
			break;
		if (map.count == ID_RANGES_MAX || take_number(&text, &range.inside) < 0 ||
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

bool id_map_is_plain(const struct id_map *map)
{
	for (size_t i = 0; i < map->count; i++)
		if (map->ranges[i].inside != map->ranges[i].outside)
			return false;
	return true;
}

uint32_t id_map_outside(const struct id_map *map, uint32_t inside)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct id_range *range = &map->ranges[i];

		if (inside >= range->inside && inside - range->inside < range->count)
			return range->outside + (inside - range->inside);
	}
	return map->count == 0 ? inside : ID_NONE;
}

uint32_t id_map_inside(const struct id_map *map, uint32_t outside)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct id_range *range = &map->ranges[i];

		if (outside >= range->outside && outside - range->outside < range->count)
			return range->inside + (outside - range->outside);
	}
	return map->count == 0 ? outside : ID_NONE;
}
