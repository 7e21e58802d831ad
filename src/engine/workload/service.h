/* SPDX-License-Identifier: MIT */
#pragma once

/* Services: names in the network of their namespace that lead to the pods that they select, by an
 * address of their own or by those of the pods. */

#include "engine/database/services.h"
#include "engine/engine.h"
#include "lxcri/workload/pod.h"
#include "manifest/object.h"

/* Tells whether @service selects a pod with @labels. */
bool service_selects(const struct object_service *service, const struct field_map *labels);

/* Makes the names and addresses of the Service @object, and has the pods that are there be of it.
 */
[[nodiscard]] int service_converge(struct lxcri_engine *engine, const struct object *object,
				   struct lxcri_error *err);

/* Makes it again as it was when @row was read: with the addresses and ports that it had. */
[[nodiscard]] int service_restore(struct lxcri_engine *engine, const struct object *object,
				  const struct service_row *row, struct lxcri_error *err);

/* Reads what there is of the Service @object. Returns 1, and the caller finishes *@ret, or 0. */
[[nodiscard]] int service_find(struct lxcri_engine *engine, const struct object *object,
			       struct service_row *ret, struct lxcri_error *err);

/* Tells whether the Service @object is yet to be made as it is kept: 1 or 0. */
[[nodiscard]] int service_is_due(struct lxcri_engine *engine, const struct object *object,
				 struct lxcri_error *err);

/* Has @pod be of those Services of @name_space that select it by its labels, and of no others of
 * them. */
[[nodiscard]] int service_follow(struct lxcri_pod *pod, const char *name_space,
				 struct lxcri_error *err);

/* Looks whether the Service @object could be made; nothing is changed. */
[[nodiscard]] int service_check(struct lxcri_engine *engine, const struct object *object,
				struct lxcri_error *err);

/* Takes them away; none are fine. */
[[nodiscard]] int service_remove(struct lxcri_engine *engine, const struct object *object,
				 struct lxcri_error *err);
