/* SPDX-License-Identifier: MIT */
#pragma once

/* Networks as the rest of the engine and the service read them. The truth is in the state database;
 * every process may change it at any time, by a transaction.
 *
 * Whoever keeps an index of names in memory builds it with network_each() and
 * network_each_endpoint(), remembers network_version() from *before* that, and builds it again when
 * the version has changed. */

#include "engine/database/networks.h"
#include "engine/engine.h"

#define NETWORK_DEFAULT "default"

/* What the name server has to know of a network: its bridge (`bridge`), its subnets (`subnets`,
 * whose hosts 1 are the gateways, where it listens) and its name. Texts last for the call. */

/* Calls @each for every network, ordered by name. A value < 0 ends the walk. */
[[nodiscard]] int network_each(struct lxcri_engine *engine, network_row_fn each, void *userdata,
			       struct lxcri_error *err);

/* Calls @each for every container's place in the network @name, or in all with NULL: the
 * container's name (`container`), `hostname`, `aliases`, `addresses`. `interface` is NULL for one
 * that is not running; such a one has no names that should be answered. */
[[nodiscard]] int network_each_endpoint(struct lxcri_engine *engine, const char *name,
					endpoint_row_fn each, void *userdata,
					struct lxcri_error *err);

/* Returns a number that differs from an earlier one, of the same engine handle, when another
 * process has changed the database since. It costs some microseconds and reads no row. Changes that
 * this handle has made itself do not count. */
[[nodiscard]] int network_version(struct lxcri_engine *engine, uint64_t *ret,
				  struct lxcri_error *err);

/* Finds the network @name. LXCRI_E_BRIDGE_NOT_FOUND. The caller finishes *@ret. */
[[nodiscard]] int network_get(struct lxcri_engine *engine, const char *name,
			      struct network_row *ret, struct lxcri_error *err);

/* Returns the name of the network that users call @name: docker and podman call the default one
 * "bridge". */
const char *network_called(const char *name);

/* Returns the gateway of @row of the family 0 (IPv4) or 1 (IPv6); of family 0 when it has none. */
struct address network_gateway(const struct network_row *row, int index);
