/* SPDX-License-Identifier: MIT */
#pragma once

/* Making pods that are as what was applied says. Whoever does so holds the lock of the shelf. */

#include "engine/workload/shelf.h"

/* Makes the names of a Service, or the pods of another @object, replaces those that are made from
 * something else, and removes those that are too many. Errors as lxcri_pod_create(). */
[[nodiscard]] int converge(struct lxcri_engine *engine, const struct object *object,
			   struct lxcri_error *err);

/* Looks whether the pods of @object could be made, by what @find finds; nothing is changed. */
[[nodiscard]] int converge_check(struct lxcri_engine *engine, const struct object *object,
				 pod_plan_find_fn find, void *userdata, struct lxcri_error *err);

/* Removes all pods of @object, or its names. Goes on past a failure. */
[[nodiscard]] int converge_remove(struct lxcri_engine *engine, const struct object *object,
				  struct lxcri_error *err);

/* Appends the ids of the pods that @owner has, sorted. */
[[nodiscard]] int converge_list(struct lxcri_engine *engine, const char *owner, struct strings *ret,
				struct lxcri_error *err);

/* One pod that is wanted. */
struct wanted_pod {
	const char *name;
	const struct object *object; /* that owns it */
	const struct object_meta *meta;
	const struct pod_spec *spec;
	const char *sum;
	const struct strings *claims;
};

/* Makes @wanted, or puts it in the place of what is made from something else. Returns 1 when
 * something was done. */
[[nodiscard]] int converge_pod(struct lxcri_engine *engine, const struct wanted_pod *wanted,
			       struct lxcri_error *err);

/* Stops and removes the pod @id; none is fine. */
[[nodiscard]] int converge_drop(struct lxcri_engine *engine, const char *id,
				struct lxcri_error *err);

/* Returns a sum of what the pods of @object are made from, owned by the caller. */
[[nodiscard]] char *converge_sum(const struct object *object);

/* The pods of a Deployment and of a StatefulSet. */
[[nodiscard]] int replicas_converge(struct lxcri_engine *engine, const struct object *object,
				    struct lxcri_error *err);
