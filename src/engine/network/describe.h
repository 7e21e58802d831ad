/* SPDX-License-Identifier: MIT */
#pragma once

/* Networks, endpoints and ports as JSON. What these return is owned by the caller. */

#include "base/json.h"
#include "engine/network/network.h"

/* Returns one row as an object; that of a network NULL when its options are damaged. */
[[nodiscard]] struct json_object *describe_network(const struct network_row *row,
						   struct lxcri_error *err);
[[nodiscard]] struct json_object *describe_endpoint(const struct endpoint_row *row);

/* Returns "tcp", "udp" or "sctp". */
const char *describe_protocol(uint8_t protocol);

/* Returns arrays of the endpoints and of the ports of @container, or NULL, and @err is filled. */
[[nodiscard]] struct json_object *describe_endpoints(struct lxcri_engine *engine,
						     const char *container,
						     struct lxcri_error *err);
[[nodiscard]] struct json_object *describe_ports(struct lxcri_engine *engine, const char *container,
						 struct lxcri_error *err);
