/* SPDX-License-Identifier: MIT */
#pragma once

/* Changing the network of the host: one at a time, whichever data directory it is for. */

#include "engine/network/network.h"
#include "engine/network/options.h"
#include "net/bridge.h"
#include "lxcri/network.h"
#include "net/ruleset.h"

struct session {
	struct lxcri_engine *engine;
	struct database *database;
	struct netlink *route;
	struct ruleset *rules;
	int lock; /* of the host's network */
};
#define SESSION_NULL ((struct session){ .lock = -1 })

/* Opens all that is needed and waits until nobody else changes the network. */
[[nodiscard]] int session_begin(struct lxcri_engine *engine, struct session *ret,
				struct lxcri_error *err);

/* Lets others go on. Safe to repeat. */
void session_end(struct session *session);

/* Makes sure that the rules are there, with all that is in use in them, that the host forwards, and
 * that the bridge of @network is as it should be. */
[[nodiscard]] int session_bring_up(struct session *session, const struct network_row *network,
				   unsigned int *ret_bridge, struct lxcri_error *err);

/* Calls @fault with a sentence for each chain of others that drops what is passed on, unless it
 * speaks of the bridge of @network. Returns how many there are. */
[[nodiscard]] int session_find_barriers(struct session *session, const struct network_row *network,
					lxcri_network_fault_fn fault, void *userdata,
					struct lxcri_error *err);

/* Removes what nothing needs any more: the bridge of @network when no container but @container (or
 * NULL) has an interface in it and nobody made it by name, and the rules when there is nothing left
 * that they are for. */
[[nodiscard]] int session_take_down(struct session *session, const struct network_row *network,
				    const char *container, struct lxcri_error *err);

/* Removes the rules when nothing is left that they are for, but for @container (or NULL). */
[[nodiscard]] int session_tidy(struct session *session, const char *container,
			       struct lxcri_error *err);

/* Sets the isolation of all interfaces in @network. */
[[nodiscard]] int session_set_ports(struct session *session, const struct network_row *network,
				    struct lxcri_error *err);

/* Removes the bridge of @network, and the rules about it. */
[[nodiscard]] int session_remove_network(struct session *session, const struct network_row *network,
					 struct lxcri_error *err);

/* Collects the change of the rules about an endpoint, or about a port of the container that has
 * @endpoint as its first. */
void session_change_endpoint(struct session *session, enum ruleset_change change,
			     const struct network_options *options,
			     const struct endpoint_row *endpoint);
void session_change_port(struct session *session, enum ruleset_change change,
			 const struct port_row *port, const struct endpoint_row *endpoint);

/* Sets all rules to what the database says, as one transaction; loads them when they are not there.
 */
[[nodiscard]] int session_set_rules(struct session *session, struct lxcri_error *err);

/* Fills @ret with what bridge_ensure() wants to know; it points into @network and *@ret_alias,
 * which the caller frees. */
[[nodiscard]] int session_describe_bridge(const struct session *session,
					  const struct network_row *network, struct bridge *ret,
					  char **ret_alias, struct lxcri_error *err);
