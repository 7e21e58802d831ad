/* SPDX-License-Identifier: MIT */
#pragma once

/* All records of the database, read at once: for whoever looks at every container or pod. One that
 * is missing here is opened as any other, so what was made since, is half made or cannot be read
 * is none the worse. */

#include "engine/container.h"

struct roster_entry {
	char *id;
	struct record record; /* empty once it was taken */
};

/* Zeroed is empty. */
struct roster {
	struct roster_entry *entries; /* containers and pods, ordered by id */
	size_t count;
};

/* Reads it; without a database it is empty. */
[[nodiscard]] int roster_read(struct lxcri_engine *engine, struct roster *ret,
			      struct lxcri_error *err);

/* Frees what it holds. Safe to repeat. */
void roster_finish(struct roster *roster);

/* As lxcri_container_open(); @roster may be NULL. Each is taken from it once. */
[[nodiscard]] int roster_open(struct roster *roster, struct lxcri_engine *engine, const char *id,
			      struct lxcri_container **ret_container, struct lxcri_error *err);
