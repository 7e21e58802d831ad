/* SPDX-License-Identifier: MIT */
#pragma once

/* What is done once at a moment of a container's life: after it was started, and before it is told
 * to end. */

#include "engine/container.h"

/* Checks what was asked for (NULL: nothing). *@ret is the text for the record, owned by the caller,
 * or NULL. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int hook_choose(const struct lxcri_hook *asked, char **ret, struct lxcri_error *err);

/* Does what @container has before its end, for its grace at most: what takes longer ends with the
 * container. What fails is told by an event alone. Returns how much of the grace is left; 2 s at
 * least, as Kubernetes has it. */
unsigned int hook_run(struct lxcri_container *container, unsigned int grace_seconds);

/* Marks a container that is about to be started as one that is not to be talked to until the
 * descriptor is closed that is returned, however that happens; -1 when nothing follows its start.
 * The lock must be held. */
[[nodiscard]] int hook_mark_start(const struct lxcri_container *container);

/* Tells whether what follows the start is under way. */
bool hook_is_starting(const struct lxcri_container *container);

/* Does what follows the start of @container, and ends it when that fails: its restart policy holds
 * then, and an event tells. @mark_consume is what hook_mark_start() returned. Without the lock. */
void hook_run_started(struct lxcri_container *container, int mark_consume);
