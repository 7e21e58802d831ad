/* SPDX-License-Identifier: MIT */
#pragma once

/* Volumes that were claimed. */

#include "engine/workload/shelf.h"

/* Appends the volumes that what was applied claims: those of claims by themselves, those that pods
 * name, also of sets without any, and those that sets have made for theirs. What can't be read is
 * an error. */
[[nodiscard]] int claims_list(struct lxcri_engine *engine, struct strings *names,
			      struct lxcri_error *err);

/* Removes the volume of the claim @object, or those that the StatefulSet @object has made for pods
 * from the ordinal @first on. None is fine; one that something mounts is an error. */
[[nodiscard]] int claims_drop(struct lxcri_engine *engine, const struct object *object,
			      int64_t first, struct lxcri_error *err);
