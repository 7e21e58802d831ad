/* SPDX-License-Identifier: MIT */
#pragma once

/* Where guests ask for names (engine/guest/guest.h): addresses of this host on bridges of its
 * owner's, at which the name server listens as long as there are guests. */

#include "engine/engine.h"
#include "serve/nameserver.h"

/* Zeroed is none yet. */
struct guest_places {
	struct strings failed; /* in the last round: somebody else listens there */
	struct strings told;   /* of these, of which a warning has told */
};

/* Frees what @places holds. Safe to repeat. */
void guest_places_finish(struct guest_places *places);

/* Puts them into the round of @nameserver that has begun. Returns 1, or 0 where it could not listen
 * at all of them: the interface is not there, or another name server is. */
[[nodiscard]] int guest_places_put(struct guest_places *places, struct lxcri_engine *engine,
				   struct nameserver *nameserver, struct lxcri_error *err);
