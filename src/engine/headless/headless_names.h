/* SPDX-License-Identifier: MIT */
#pragma once

/* The names of services in the zone of their network. */

#include "base/text.h"
#include "engine/database/networks.h"
#include "engine/database/services.h"
#include "engine/engine.h"

/* The services of one network with their members. Zeroed is none. */
struct headless_names {
	struct service_list services;
	struct member_list members;
	size_t next; /* of the members */
};

/* Reads them. The caller finishes *@ret, also after a failure. */
[[nodiscard]] int headless_names_read(struct lxcri_engine *engine, const char *network,
				      struct headless_names *ret, struct lxcri_error *err);
void headless_names_finish(struct headless_names *names);

enum headless_ready { HEADLESS_NOT_READY, HEADLESS_READY };

/* Appends the names that the container at @endpoint has as a member, as net/dns/dns_zone.h reads
 * them. The endpoints come in the order of their containers. Returns the first of these names, for
 * its PTR records, owned by the caller; NULL when there is none. */
[[nodiscard]] char *headless_names_add(struct headless_names *names, struct lxcri_engine *engine,
				       const struct endpoint_row *endpoint,
				       enum headless_ready ready, struct text *text);

/* Tells whether the container at @endpoint is a member: who has no names here needs not be asked
 * whether he is ready. */
bool headless_names_have(struct headless_names *names, const struct endpoint_row *endpoint);

/* Appends the names of those services that have addresses of their own. */
void headless_names_add_virtual(const struct headless_names *names,
				const struct lxcri_engine *engine, struct text *text);
