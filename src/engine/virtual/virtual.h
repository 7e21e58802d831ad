/* SPDX-License-Identifier: MIT */
#pragma once

/* Services with a stable address of their own: a virtual one, that no interface has. */

#include "engine/database/services.h"
#include "engine/engine.h"

/* What a service is to be. */
struct virtual_wish {
	/* Its addresses may be such as are wanted; others are chosen, and kept from then on. So are
	 * its ports' node ports. */
	const struct service_row *row;
	bool has_node_ports; /* each port has one */
};

/* Makes the service, or has the one that is there be so; what it loses is taken from the rules. Its
 * members are looked at by virtual_ready_look_all() then. Addresses that are not to be had are
 * LXCRI_E_CONFIGURATION_FAILED, ports of the host LXCRI_E_PORT_FORWARDING_FAILED. */
[[nodiscard]] int virtual_put(struct lxcri_engine *engine, const struct virtual_wish *wish,
			      struct lxcri_error *err);

/* Looks whether that could be done now; nothing is changed. */
[[nodiscard]] int virtual_check(struct lxcri_engine *engine, const struct virtual_wish *wish,
				struct lxcri_error *err);

/* Has the service @key, if it has an address, lose it and all that the rules say of it. Its row
 * stays. */
[[nodiscard]] int virtual_withdraw(struct lxcri_engine *engine, const struct service_row *key,
				   struct lxcri_error *err);
