/* SPDX-License-Identifier: MIT */
#pragma once

/* Making networks, in the database: their bridges come with the first container, or with
 * session_bring_up(). */

#include "engine/network/session.h"

/* What a new network is to be; zeroed means by default. */
struct network_wish {
	const char *name;
	const char *deployment;   /* NULL: as the name */
	struct subnet subnets[2]; /* family 0: chosen */
	bool no_ipv6;
	struct network_options options;
};

/* Stores the network. Within a transaction. LXCRI_E_INVALID_ARGUMENT,
 * LXCRI_E_BRIDGE_CREATION_FAILED when name or deployment is taken, LXCRI_E_CONFIGURATION_FAILED
 * when the subnet is. The caller finishes *@ret. */
[[nodiscard]] int network_create(struct session *session, const struct network_wish *wish,
				 struct network_row *ret, struct lxcri_error *err);

/* Finds the network @name, and makes it when it is the default one. Within a transaction.
 * LXCRI_E_BRIDGE_NOT_FOUND. The caller finishes *@ret. */
[[nodiscard]] int network_find_or_create(struct session *session, const char *name,
					 struct network_row *ret, struct lxcri_error *err);
