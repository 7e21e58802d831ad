/* SPDX-License-Identifier: MIT */
#pragma once

/* What a place on the LAN stands on. */

#include "engine/lan/lan_spec.h"

/* Finds it. LXCRI_E_BRIDGE_NOT_FOUND when there is no such bridge or interface, or it is no bridge;
 * LXCRI_E_CONFIGURATION_FAILED when it cannot have what is asked for, or is a bridge of ours. */
[[nodiscard]] int lan_parent_get(struct netlink *route, const struct lan_spec *spec,
				 struct link *ret, struct lxcri_error *err);
