/* SPDX-License-Identifier: MIT */
#pragma once

/* The limits of one container: what the host cannot do is refused before it is created; what a
 * runtime has not done as it was asked is done before it is started, on every backend alike. */

#include "base/json.h"
#include "engine/container.h"

/* Works out the limits of @resources (validated; NULL: none) on the backend of @container's record,
 * for container_limits_apply(). Errors as limits_plan(). */
[[nodiscard]] int container_limits_plan(struct lxcri_container *container,
					struct json_object *resources, struct lxcri_error *err);

/* The same from the specification in the container's bundle. */
[[nodiscard]] int container_limits_load(struct lxcri_container *container, struct lxcri_error *err);

/* Puts in force what an update has recorded that was killed before it could. Does nothing where no
 * update was, or one is at work; a failure is logged, and left to the next who comes. */
void container_limits_settle(struct lxcri_container *container);

/* Tells whether that would do nothing to any container. */
bool container_limits_all_settled(const struct lxcri_engine *engine);

/* Takes back that an update has begun: it is done, or the container goes. */
void container_limits_forget(const struct lxcri_container *container);

/* Puts what was planned into the cgroups that the container's monitor has noted. Errors as
 * limits_apply(). */
[[nodiscard]] int container_limits_apply(const struct lxcri_container *container,
					 struct lxcri_error *err);
