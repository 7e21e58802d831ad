/* SPDX-License-Identifier: MIT */
#pragma once

/* Headless services: a name in a network that leads to all containers that are of the service, and
 * one below it for each. They have no address of their own. */

#include "engine/database/services.h"
#include "engine/network/network.h"

#define HEADLESS_NAMESPACE_DEFAULT "default"
#define HEADLESS_PORTS_MAX         64

/* Reads "NAME" or "NAME.NAMESPACE" into the key *@ret, which the caller finishes; its network stays
 * NULL. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int headless_parse(const char *text, struct service_row *ret,
				 struct lxcri_error *err);

/* Checks that each of @services (ended by NULL, or NULL) is one of those that some of @networks
 * have. LXCRI_E_INVALID_ARGUMENT, LXCRI_E_SERVICE_NOT_FOUND. */
[[nodiscard]] int headless_check(struct lxcri_engine *engine, const char *const *services,
				 const struct strings *networks, struct lxcri_error *err);

/* Makes @container, whose places in networks are in the database, a member of @services, each in
 * all of its networks that have it. Within a transaction of the caller's. As above, and
 * LXCRI_E_NETWORK_IDENTITY_ERROR when another member has its host name. */
[[nodiscard]] int headless_join(struct lxcri_engine *engine, const char *const *services,
				const char *container, struct lxcri_error *err);

/* Returns the domain of a service, "web.default.svc.cluster.local"; owned by the caller. */
[[nodiscard]] char *headless_domain(const struct lxcri_engine *engine, const char *name,
				    const char *space);

/* Checks a part of a name, which @what says what it is. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int headless_check_label(const char *what, const char *text, struct lxcri_error *err);

/* Makes the container at @endpoint a member of @service. */
[[nodiscard]] int headless_join_one(struct lxcri_engine *engine, const struct service_row *service,
				    const struct endpoint_row *endpoint, struct lxcri_error *err);

/* Records that what is called @where has no such service: LXCRI_E_SERVICE_NOT_FOUND. */
int headless_not_found(const struct service_row *row, const char *where, struct lxcri_error *err);

/* Makes @container a member of the service @key, in whose network it is. Returns 0;
 * LXCRI_E_SERVICE_NOT_FOUND, LXCRI_E_HEADLESS_SERVICE_FAILED. The rules of one with an address do
 * not know of it yet. */
[[nodiscard]] int headless_add_member(struct lxcri_engine *engine, const struct service_row *key,
				      const char *container, struct lxcri_error *err);

/* Ends that. Returns 1, or 0 when it is none. */
[[nodiscard]] int headless_drop_member(struct lxcri_engine *engine, const struct service_row *key,
				       const char *container, struct lxcri_error *err);
