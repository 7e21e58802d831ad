/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the subnets of networks, and of their services, come from: cut from network.subnet_pool and
 * network.service_pool, none that overlaps a route of the host or another network. */

#include "engine/network/network.h"

/* Chooses subnets for the network @name: one of IPv4 from the pool, and one of IPv6 that goes with
 * it unless the host has no IPv6. LXCRI_E_CONFIGURATION_FAILED when the pool has none that is free.
 */
[[nodiscard]] int pool_choose(struct lxcri_engine *engine, struct netlink *route, const char *name,
			      struct subnet ret[static 2], struct lxcri_error *err);

/* Chooses where the services of @row have their addresses, cut from network.service_pool: where
 * @wanted is, unless that is NULL. Errors as pool_choose(). */
[[nodiscard]] int pool_choose_services(struct lxcri_engine *engine, struct netlink *route,
				       const struct network_row *row, const struct address *wanted,
				       struct subnet ret[static 2], struct lxcri_error *err);

/* Looks whether a subnet of @row overlaps a route of the host that does not lead to its own bridge,
 * or another network. Returns 0, or 1 and says in @ret_why (owned by the caller) what it is. */
[[nodiscard]] int pool_check(struct lxcri_engine *engine, struct netlink *route,
			     const struct network_row *row, char **ret_why,
			     struct lxcri_error *err);

/* Returns the subnet of IPv6 for host networks called @name; of family 0 where there is no IPv6. */
struct subnet pool_subnet6(const char *name, const struct subnet *subnet4);
