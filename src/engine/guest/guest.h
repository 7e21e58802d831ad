/* SPDX-License-Identifier: MIT */
#pragma once

/* Guests of our name server: containers in Proxmox VE whose node is this host, on a bridge of its
 * owner's. They have names in one of our networks, and ask for its names at an address that the
 * host has on their bridge, as far as that is free there. `serve` listens there for them alone. */

#include "engine/database/guests.h"
#include "engine/engine.h"

/* What a container is to be. */
struct guest_wish {
	const char *const *networks; /* "bridge:NAME,...", ended by NULL; NULL: the usual bridge */
	const struct lxcri_volume *volumes;
	size_t n_volumes;
};

/* Finds where the container that is to be on the node *@node can ask, and fills device, server and
 * addresses of @ret. Returns 1, or 0 where this host has no address on its bridges that it could
 * reach without a gateway, or is not its node, or where another name server listens at that, which
 * a warning names. Where *@node is NULL, and the configuration names none, it is chosen as far as
 * it matters: that of its named volumes, or the one with most room. *@node is the caller's, before
 * and behind. */
[[nodiscard]] int guest_find_server(struct lxcri_engine *engine, const struct guest_wish *wish,
				    char **node, struct guest_row *ret, struct lxcri_error *err);

/* Makes sure that the service runs, where the pod or container @id, about to start, is a guest.
 * What goes wrong is logged. */
void guest_demand_service(struct lxcri_engine *engine, const char *id);
