/* SPDX-License-Identifier: MIT */
#pragma once

/* A new container's place in its networks, in the database; nothing on the host is changed. */

#include "engine/engine.h"
#include "engine/network/network.h"

/* What a container is to have. */
struct join {
	const char *container;
	const char *hostname;
	const struct lxcri_create_options *options;
	const char *image_config; /* JSON; NULL: it exposes nothing that is to be published */
	const char *const
		*exposed; /* what it exposes: "80/tcp", ended by NULL; join_make() reads it */
};

/* Checks what can be checked before anything is made: that networks and addresses are such, and
 * that no port is taken. LXCRI_E_INVALID_ARGUMENT, LXCRI_E_BRIDGE_NOT_FOUND,
 * LXCRI_E_CONFIGURATION_FAILED, LXCRI_E_PORT_FORWARDING_FAILED. */
[[nodiscard]] int join_check(struct lxcri_engine *engine, const struct join *join,
			     struct lxcri_error *err);

/* Writes down the endpoints and the ports. All or nothing. Errors as join_check(). */
[[nodiscard]] int join_make(struct lxcri_engine *engine, const struct join *join,
			    struct lxcri_error *err);

/* Writes down one more endpoint of a container that is there, in the network @network.
 * LXCRI_E_CONFIGURATION_FAILED when it has one there already. */
[[nodiscard]] int join_one(struct lxcri_engine *engine, const struct join *join,
			   const char *network, struct lxcri_error *err);
