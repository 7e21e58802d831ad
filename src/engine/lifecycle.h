/* SPDX-License-Identifier: MIT */
#pragma once

/* What is done to containers under their lock. */

#include "engine/container.h"

/* Runs the process of a created container, or of a stopped one of an image again. The lock must be
 * held. */
[[nodiscard]] int lifecycle_start_locked(struct lxcri_container *container,
					 struct lxcri_error *err);

/* Ends the container as lxcri_container_stop() does, and waits until its monitor is gone. The lock
 * must be held. */
[[nodiscard]] int lifecycle_stop_locked(struct lxcri_container *container,
					unsigned int grace_seconds, struct lxcri_error *err);

/* Ends the container as lxcri_container_stop() does, but its restart policy holds on. */
[[nodiscard]] int lifecycle_end(struct lxcri_container *container, unsigned int grace_seconds,
				struct lxcri_error *err);
