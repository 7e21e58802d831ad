/* SPDX-License-Identifier: MIT */
#pragma once

/* Sums of all rows that give names in a network, by which one who has made a zone of them tells
 * whether it is still the same, without making it again. */

#include "engine/database/database.h"

#include <stddef.h>

struct name_sum {
	char *network;
	uint64_t sum;
	bool has_endpoints; /* somebody runs in it */
	bool has_guests;    /* somebody outside of it asks for its names */
	bool has_members;   /* of services, so that it matters who is ready */
};

struct name_sum_list {
	struct name_sum *items;
	size_t count;
};

/* Reads those of all networks in which there is something, ordered by name. Finished by the caller,
 * also after a failure. */
[[nodiscard]] int name_sum_list_read(struct database *database, struct name_sum_list *ret,
				     struct lxcri_error *err);
void name_sum_list_finish(struct name_sum_list *list);
