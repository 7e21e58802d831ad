/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether a container that was just started stays and is well. */

#include "engine/container.h"

struct gate {
	const struct strings *check; /* the command that tells; empty: none */
	unsigned int check_seconds;  /* within which it has to succeed once */
	unsigned int settle_seconds; /* how long the container has to go on running */
};

/* Waits until that is known. The container's lock may be held. LXCRI_E_CONTAINER_START_FAILED where
 * it has ended, or the command did not succeed in time. */
[[nodiscard]] int gate_pass(struct lxcri_container *container, const struct gate *gate,
			    struct lxcri_error *err);
