/* SPDX-License-Identifier: MIT */
#pragma once

/* The user or group numbers of a container against those of the host, as /proc/PID/uid_map has
 * them: lines of "INSIDE OUTSIDE COUNT". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What no number is mapped to. */
#define ID_NONE UINT32_MAX

/* The kernel takes as many. */
#define ID_RANGES_MAX 340

struct id_range {
	uint32_t inside;
	uint32_t outside;
	uint32_t count;
};

/* Zeroed is empty and maps each number to itself. */
struct id_map {
	struct id_range ranges[ID_RANGES_MAX];
	size_t count;
};

/* Reads a map; an empty text or NULL is the empty one. Returns 0, or -EINVAL for anything else. */
[[nodiscard]] int id_map_parse(const char *text, struct id_map *ret_map);

/* Tells whether each number stands for itself: there is no user namespace. */
bool id_map_is_plain(const struct id_map *map);

/* Returns the host's number for the container's, or ID_NONE. */
uint32_t id_map_outside(const struct id_map *map, uint32_t inside);

/* Returns the container's number for the host's, or ID_NONE. */
uint32_t id_map_inside(const struct id_map *map, uint32_t outside);
