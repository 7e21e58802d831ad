/* SPDX-License-Identifier: MIT */
#pragma once

/* The ports of the host at which services are to be had. They go with their service. */

#include "engine/database/networks.h"
#include "engine/database/services.h"

/* Has @service have the @n_ports @ports, whose containers do not matter, and no others. Within a
 * transaction of the caller's. */
[[nodiscard]] int service_ports_put(struct database *database, const struct service_row *service,
				    const struct port_row *ports, size_t n_ports,
				    struct lxcri_error *err);

/* Finds a service other than @but (or NULL) that has what @port wants: the port at the same
 * address, or at any where either wants any. Returns 1 with its name in *@ret_service, owned by the
 * caller; or 0. */
[[nodiscard]] int service_ports_find_taker(struct database *database, const struct port_row *port,
					   const struct service_row *but, char **ret_service,
					   struct lxcri_error *err);
