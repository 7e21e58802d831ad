/* SPDX-License-Identifier: MIT */
#pragma once

/* Ranges of ids that are taken, and a place between them. */

#include "base/fail.h"

#include <stddef.h>
#include <stdint.h>

/* The largest id is no id: it stands for "none" in system calls. */
#define ID_END UINT64_C(4294967295)

struct id_range {
	uint64_t start;
	uint64_t size;
};

/* Zeroed is empty. */
struct id_ranges {
	struct id_range *items;
	size_t count;
};

/* Frees what @ranges holds. Safe to repeat. */
void id_ranges_finish(struct id_ranges *ranges);

/* Adds a range that is taken; one of no size, or that begins behind the last id, takes nothing. */
void id_ranges_add(struct id_ranges *ranges, uint64_t start, uint64_t size);

/* Adds what @text says in the form of /etc/subuid, "NAME:START:COUNT" a line; what has another form
 * is passed over, and so are remarks (#) and lines of the name @own: those are kept for who asks.
 */
void id_ranges_add_subids(struct id_ranges *ranges, const char *text, const char *own);

/* From where on, how large and how many the ranges to be given out are. */
struct id_pool_bounds {
	uint64_t start;
	uint64_t size;
	uint64_t count;
};

/* Finds the lowest range of the pool that overlaps none of @ranges, which are sorted on the way. 0,
 * or LXCRI_E_ID_RANGES_EXHAUSTED. */
[[nodiscard]] int id_ranges_find_free(struct id_ranges *ranges, const struct id_pool_bounds *pool,
				      uint32_t *ret_start, struct lxcri_error *err);
