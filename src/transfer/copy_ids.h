/* SPDX-License-Identifier: MIT */
#pragma once

/* The user or group numbers of a container against those of the host, as /proc/PID/uid_map has
 * them: lines of "INSIDE OUTSIDE COUNT". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What no number is mapped to. */
#define COPY_ID_NONE UINT32_MAX

/* The kernel takes as many. */
#define COPY_ID_RANGES_MAX 340

struct copy_id_range {
	uint32_t inside;
	uint32_t outside;
	uint32_t count;
};

/* Zeroed is empty and maps each number to itself. */
struct copy_ids {
	struct copy_id_range ranges[COPY_ID_RANGES_MAX];
	size_t count;
};

/* Reads a map; an empty text or NULL is the empty one. Returns 0, or -EINVAL for anything else. */
[[nodiscard]] int copy_ids_parse(const char *text, struct copy_ids *ret_map);

/* Tells whether each number stands for itself: there is no user namespace. */
bool copy_ids_is_plain(const struct copy_ids *map);

/* Returns the host's number for the container's, or COPY_ID_NONE. */
uint32_t copy_ids_outside(const struct copy_ids *map, uint32_t inside);

/* Returns the container's number for the host's, or COPY_ID_NONE. */
uint32_t copy_ids_inside(const struct copy_ids *map, uint32_t outside);
