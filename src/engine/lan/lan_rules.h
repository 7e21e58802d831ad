/* SPDX-License-Identifier: MIT */
#pragma once

/* What may come out of a container's port on a bridge of the LAN, where that is asked for: the
 * rules that deployment networks have always. */

#include "engine/database/lans.h"
#include "engine/network/session.h"

/* Has the rules know of all places of @container that ask for it; of no other is anything there. */
[[nodiscard]] int lan_rules_add(struct session *session, const char *container,
				struct lxcri_error *err);

/* Takes that back, and the rules themselves when nothing else needs them. */
[[nodiscard]] int lan_rules_remove(struct session *session, const char *container,
				   struct lxcri_error *err);

/* The same for one place, whose row has gone. */
[[nodiscard]] int lan_rules_remove_one(struct session *session, const struct lan_row *place,
				       struct lxcri_error *err);

/* Collects what all containers that run have, behind ruleset_clear(). */
[[nodiscard]] int lan_rules_set(struct session *session, struct lxcri_error *err);

/* Tells whether any container but @without (or NULL) has something there: 1 or 0, or < 0. */
[[nodiscard]] int lan_rules_are_needed(struct session *session, const char *without,
				       struct lxcri_error *err);
