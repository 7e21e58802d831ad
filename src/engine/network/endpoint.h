/* SPDX-License-Identifier: MIT */
#pragma once

/* Choosing what a container has in a network. Within a transaction of the caller's. */

#include "engine/network/network.h"

/* Fills what is missing in the new @endpoint: a MAC address, and one address of each family that
 * the network has; those that are there already must be free and of the network.
 * LXCRI_E_CONFIGURATION_FAILED for one that is taken or not of its subnet, and when there is none
 * left. Remembers the last one in @network, which it stores. */
[[nodiscard]] int endpoint_fill(struct database *database, const struct lxcri_engine *engine,
				struct network_row *network, struct endpoint_row *endpoint,
				struct lxcri_error *err);

/* The same for the addresses alone, of an endpoint that has given them back. */
[[nodiscard]] int endpoint_fill_addresses(struct database *database, struct network_row *network,
					  struct endpoint_row *endpoint, struct lxcri_error *err);
