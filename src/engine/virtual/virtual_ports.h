/* SPDX-License-Identifier: MIT */
#pragma once

/* The ports of the host at which a service is to be had. */

#include "engine/database/service_ports.h"
#include "engine/virtual/virtual.h"

#define VIRTUAL_NODE_PORT_MIN 30000
#define VIRTUAL_NODE_PORT_MAX 32767

/* Gives the ports of @row the node ports that @wish asks for, or that they had in @before, or free
 * ones, and looks whether those and the ports at its external addresses are free.
 * LXCRI_E_PORT_FORWARDING_FAILED names who has one. */
[[nodiscard]] int virtual_ports_complete(struct lxcri_engine *engine,
					 const struct virtual_wish *wish,
					 const struct service_row *before, struct service_row *row,
					 struct lxcri_error *err);

/* Writes them down. Within a transaction of the caller's. */
[[nodiscard]] int virtual_ports_store(struct database *database, const struct service_row *row,
				      struct lxcri_error *err);
