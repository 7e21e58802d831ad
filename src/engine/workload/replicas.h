/* SPDX-License-Identifier: MIT */
#pragma once

/* The pods of a Deployment or StatefulSet while they are made true. */

#include "engine/workload/converge.h"
#include "engine/workload/rolling.h"

struct replicas {
	struct lxcri_engine *engine;
	const struct object *object;
	struct rolling rolling;
	char *sum;
	char *prefix; /* of the ids of a Deployment's pods that are made from what is wanted */
	struct strings claims;
	struct strings wanted; /* ids */
	struct strings found;  /* ids of those that are there; "" for one that went since */
};

/* Makes pod @i, unless it is there as it is to be. Returns 1 when something was done. */
[[nodiscard]] int replicas_make(struct replicas *replicas, int64_t i, struct lxcri_error *err);

/* The same from another revision of the object, whose pods are made from what has @sum. */
[[nodiscard]] int replicas_make_from(struct replicas *replicas, int64_t i,
				     const struct object *revision, const char *sum,
				     struct lxcri_error *err);

/* Has those of a Deployment be as wanted. */
[[nodiscard]] int deployment_converge(struct replicas *replicas, struct lxcri_error *err);

/* Has those of a StatefulSet be as wanted. */
[[nodiscard]] int stateful_set_converge(struct replicas *replicas, struct lxcri_error *err);
