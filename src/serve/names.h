/* SPDX-License-Identifier: MIT */
#pragma once

/* Keeping the name server's networks, zones and resolvers as the database, the host's interfaces
 * and its resolv.conf say; and having the host's networks put right when somebody has broken them.
 */

#include "engine/service/names.h"
#include "serve/nameserver.h"
#include "serve/serve.h"

struct names;

/* Whom the names belong to. */
struct names_owner {
	void (*settled)(void *userdata); /* names_are_needed() may have another answer */
	bool (*is_ready)(void *userdata, const char *container);
	void *userdata;
};

/* Begins. The caller owns *@ret_names. */
[[nodiscard]] int names_create(const struct serve_part *part, const struct names_owner *owner,
			       struct names **ret_names, struct lxcri_error *err);

/* Ends it, and with it the answers; NULL is fine. */
void names_free(struct names *names);
DEFINE_AUTOPTR(names)

/* Looks, in a moment, whether something has changed in the database, or who is ready. */
void names_refresh(struct names *names);

/* Tells whether a network has names. */
bool names_are_needed(const struct names *names);

/* Returns what the name server has counted; borrowed. */
const struct dns_counters *names_counters(const struct names *names);
