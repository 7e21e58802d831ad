/* SPDX-License-Identifier: MIT */
/* Ids of a container and of the host. */

#include "os/id_map.h"

#include <errno.h>
#include <stdio.h>

int id_extents_add(struct id_extents *extents, const struct id_extent *extent)
{
	if (extent->size == 0)
		return 0;
	if (extents->count == ID_EXTENTS_MAX)
		return -E2BIG;
	extents->items[extents->count++] = *extent;
	return 0;
}

int id_extents_to_host(const struct id_extents *extents, uint32_t id, uint32_t *ret_host)
{
	if (extents->count == 0) {
		*ret_host = id;
		return 0;
	}
	for (size_t i = 0; i < extents->count; i++) {
		const struct id_extent *extent = &extents->items[i];

		if (id >= extent->inside && id - extent->inside < extent->size) {
			*ret_host = extent->outside + (id - extent->inside);
			return 0;
		}
	}
	return -ERANGE;
}

int id_extents_parse(struct id_extents *extents, const char *text)
{
	unsigned int inside;
	unsigned int outside;
	unsigned int size;
	int used = 0;

	if (sscanf(text, "%10u:%10u:%10u%n", &inside, &outside, &size, &used) != 3 || text[used] ||
	    size == 0)
		return -EINVAL;

	const struct id_extent extent = { .inside = inside, .outside = outside, .size = size };

	return id_extents_add(extents, &extent) < 0 ? -EINVAL : 0;
}
