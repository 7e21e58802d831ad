/* SPDX-License-Identifier: MIT */
#pragma once

/* What the rules say of services with addresses of their own, made from the database alone: members
 * that were ready when they were last looked at, and have an interface. Changes are collected; the
 * caller commits them. Where the rules are not such that there can be services, nothing happens. */

#include "engine/database/services.h"
#include "engine/network/session.h"

/* Returns the number of the port that @ports, "http/tcp=80,dns/udp=53" or NULL, call by @name; 0:
 * none. */
uint16_t virtual_rules_find_port(const char *ports, const char *name, uint8_t protocol);

/* Collects what makes the rules be as @row says, without the member @without (or NULL). */
[[nodiscard]] int virtual_rules_set(struct session *session, enum ruleset_before known,
				    const struct service_row *row, const char *without,
				    struct lxcri_error *err);

/* Collects what takes from the rules what @before has of addresses and ports, and @after has not;
 * NULL has nothing. */
[[nodiscard]] int virtual_rules_drop(struct session *session, const struct service_row *before,
				     const struct service_row *after, struct lxcri_error *err);

/* Collects all, for rules that were cleared. */
[[nodiscard]] int virtual_rules_set_all(struct session *session, struct lxcri_error *err);

/* Collects what takes @container from the services that it is a member of. */
[[nodiscard]] int virtual_rules_leave(struct session *session, const char *container,
				      struct lxcri_error *err);
