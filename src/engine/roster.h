/* SPDX-License-Identifier: MIT */
#pragma once

/* All records of the database, read at once: for whoever looks at every container or pod. One that
 * is missing here is opened as any other, so what was made since, is half made or cannot be read
 * is none the worse. */

#include "engine/container.h"

struct roster_entry {
	char *id;
	char *json; /* the record, a third of what it is once parsed; NULL once it was taken */
	struct record_brief brief; /* in a roster of pods, where it can be told; of what is simple
				      the record is not kept */
};

/* ROSTER_NULL is empty. */
struct roster {
	struct roster_entry *entries; /* containers and pods, ordered by id */
	size_t count;
	int run_dirfd; /* of the directory of all run directories; -1: each is to be opened */
};
#define ROSTER_NULL ((struct roster){ .run_dirfd = -1 })

/* Reads it for whoever looks at pods; without a database it is empty. */
[[nodiscard]] int roster_read_pods(struct lxcri_engine *engine, struct roster *ret,
				   struct lxcri_error *err);

/* Reads it from @database. */
[[nodiscard]] int roster_read_from(struct database *database, struct roster *ret,
				   struct lxcri_error *err);

/* Frees what it holds. Safe to repeat. */
void roster_finish(struct roster *roster);

/* Takes the record of @entry out, which the caller finishes. False where it was taken before, or
 * cannot be read. */
bool roster_take(struct roster_entry *entry, struct record *ret);

/* Tells what container @id of a pod is, of a roster of pods: type, status, time of its start and
 * restarts; the rest is empty. False where it is not simple, or not up, which opening it tells;
 * @roster may be NULL. */
bool roster_glance(const struct roster *roster, const char *id, struct lxcri_state *ret_state);

/* As lxcri_container_open(); @roster may be NULL. Each is taken from it once. */
[[nodiscard]] int roster_open(struct roster *roster, struct lxcri_engine *engine, const char *id,
			      struct lxcri_container **ret_container, struct lxcri_error *err);
