/* SPDX-License-Identifier: MIT */
#pragma once

/* What was applied, as it is kept in the database, and the one lock under which it is changed and
 * made true. */

#include "engine/database/objects.h"
#include "engine/engine.h"
#include "engine/workload/pod_plan.h"

/* Waits until nobody else changes workloads. Returns a descriptor that holds the lock; -1. */
[[nodiscard]] int shelf_lock(struct lxcri_engine *engine, struct lxcri_error *err);

/* Lets others change workloads for a moment, for whoever holds the lock and waits for the pods of
 * @object. Fails with LXCRI_E_INVALID_STATE when @object is not what is kept any more: then it is
 * theirs. The lock is held again in any case. */
[[nodiscard]] int shelf_pause(struct lxcri_engine *engine, const struct object *object,
			      struct lxcri_error *err);

/* Tells whether @object is what is kept: 1, 0 or -1. */
[[nodiscard]] int shelf_has(struct lxcri_engine *engine, const struct object *object,
			    struct lxcri_error *err);

/* Fails with LXCRI_E_INVALID_STATE: somebody else has changed @object. */
int shelf_lost(const struct object *object, struct lxcri_error *err);

/* Finds an object. Returns 1, and the caller finishes *@ret; 0 when there is none; or < 0. */
[[nodiscard]] int shelf_find(struct lxcri_engine *engine, enum object_kind kind,
			     const char *name_space, const char *name, struct object *ret,
			     struct lxcri_error *err);

/* Reads one that was kept. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int shelf_parse(const char *document, struct object *ret, struct lxcri_error *err);

/* Returns the key of @object; it borrows from that. */
struct object_key shelf_key(const struct object *object);

/* Returns "KIND/NAMESPACE/NAME", owned by the caller: the owner of its pods. */
[[nodiscard]] char *shelf_owner(const struct object *object);

/* Fails with LXCRI_E_OBJECT_NOT_FOUND. */
int shelf_no_such(const char *kind, const char *name, struct lxcri_error *err);
