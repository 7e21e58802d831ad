/* SPDX-License-Identifier: MIT */
#pragma once

/* Volumes that were claimed. */

#include "engine/workload/shelf.h"

/* Removes the volume of the claim @object, or those that the StatefulSet @object has made for pods
 * from the ordinal @first on. None is fine; one that something mounts is an error. */
[[nodiscard]] int claims_drop(struct lxcri_engine *engine, const struct object *object,
			      int64_t first, struct lxcri_error *err);
