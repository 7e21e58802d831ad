/* SPDX-License-Identifier: MIT */
#pragma once

/* What is run in a container before it is told to end. */

#include "engine/container.h"

/* Returns the text for the record of @words, which may be NULL; owned by the caller, or NULL. */
[[nodiscard]] char *hook_format(const char *const *words);

/* Runs what @container has, and waits for it for its grace at most: what takes longer ends with the
 * container. What fails is told by an event alone. Returns how much of the grace is left; 2 s at
 * least, as Kubernetes has it. */
unsigned int hook_run(struct lxcri_container *container, unsigned int grace_seconds);
