/* SPDX-License-Identifier: MIT */
#pragma once

/* Which ports of the host a container gets. */

#include "engine/database/service_ports.h"
#include "engine/network/join.h"
#include "engine/network/rows.h"
#include "lxcri/network.h"

#define PUBLISH_PORTS_MAX 4096 /* of one container */

/* Fills @ret with the ports that @join asks for: ranges one by one, those that the image exposes
 * with publish_all, a free one for host port 0. LXCRI_E_INVALID_ARGUMENT for what is malformed,
 * LXCRI_E_PORT_FORWARDING_FAILED when another container, a service or a program of the host has
 * one. */
[[nodiscard]] int publish_choose(struct lxcri_engine *engine, const struct join *join,
				 struct port_list *ret, struct lxcri_error *err);

/* Checks one port in that way; host port 0 becomes a free one. */
[[nodiscard]] int publish_check(struct lxcri_engine *engine, struct port_row *port,
				struct lxcri_error *err);

/* The same for one that @service (or NULL) wants, whose own ports are no obstacle; and without a
 * look at the host's programs. */
[[nodiscard]] int publish_check_service(struct lxcri_engine *engine, const struct port_row *port,
					const struct service_row *service, struct lxcri_error *err);
[[nodiscard]] int publish_check_taker(struct lxcri_engine *engine, const struct port_row *port,
				      const struct service_row *service, struct lxcri_error *err);

/* Reads lxcri_port @port into a row of @container. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int publish_read(const struct lxcri_port *port, const char *container,
			       struct port_row *ret, struct lxcri_error *err);
