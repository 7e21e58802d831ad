/* SPDX-License-Identifier: MIT */
#pragma once

/* Containers in Proxmox VE that are no pod's, as guests: where one can be, it gets a place in the
 * network "default" as a pod's has one, in which it has its names, and asks for those of others. */

#include "engine/container.h"
#include "engine/guest/guest.h"
#include "engine/service/names.h"

/* What becomes of its options. Zeroed is nothing. */
struct guest_join {
	struct lxcri_create_options options; /* the given ones, but for what follows */
	struct names_lookup names;
	char *node;
	char mac[LINK_MAC_TEXT_MAX];
};

/* Frees what @join holds. Safe to repeat. */
void guest_join_finish(struct guest_join *join);

/* Has the container that @options ask for be a guest, by @hostname, and writes down that it is:
 * that goes with its record, which is saved. Returns 1, or 0 where it cannot be one, or names
 * servers itself; then @ret has no options. */
[[nodiscard]] int guest_join_make(struct lxcri_engine *engine,
				  const struct lxcri_create_options *options, const char *hostname,
				  struct guest_join *ret, struct lxcri_error *err);

/* Chooses the MAC address of a container's first interface: @asked (or NULL), or what @network
 * ("bridge:NAME,...", or NULL) says, or a new one, for other engines may have containers of the
 * same name on the same bridge. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int guest_join_choose_mac(const char *asked, const char *network,
					unsigned char ret[static LINK_MAC_BYTES],
					struct lxcri_error *err);
