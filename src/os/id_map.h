/* SPDX-License-Identifier: MIT */
#pragma once

/* Which ids of the host stand for the ids of a container, as a user namespace has it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* @size ids from @inside on are those of the host from @outside on. */
struct id_extent {
	uint32_t inside;
	uint32_t outside;
	uint32_t size;
};

/* A range with one id taken out has three; a specification may say more. */
#define ID_EXTENTS_MAX 16

struct id_extents {
	struct id_extent items[ID_EXTENTS_MAX];
	size_t count;
};

/* Zeroed: no user namespace, ids are the host's. */
struct id_map {
	struct id_extents uids;
	struct id_extents gids;
};

/* Tells whether @map stands for ids of the host. */
static inline bool id_map_is_host(const struct id_map *map)
{
	return map->uids.count == 0;
}

/* Adds an extent; one of no size is left out. 0, or -E2BIG when there is no room. */
[[nodiscard]] int id_extents_add(struct id_extents *extents, const struct id_extent *extent);

/* Finds the id of the host behind @id; without extents it is @id. 0, or -ERANGE where it has none.
 */
[[nodiscard]] int id_extents_to_host(const struct id_extents *extents, uint32_t id,
				     uint32_t *ret_host);

/* Adds the extent that @text says as "INSIDE:OUTSIDE:SIZE". 0 or -EINVAL. */
[[nodiscard]] int id_extents_parse(struct id_extents *extents, const char *text);
