/* SPDX-License-Identifier: MIT */
#pragma once

/* Containers on the network of another one. */

#include "engine/container.h"

/* Writes into the specification of @container, which is about to be created, which namespace that
 * of its record's `network_of` is now. LXCRI_E_INVALID_STATE when that one does not run. Nothing
 * happens for any other container. */
[[nodiscard]] int share_network(struct lxcri_container *container, struct lxcri_error *err);
