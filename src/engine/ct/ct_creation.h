/* SPDX-License-Identifier: MIT */
#pragma once

/* A container of Proxmox VE that is being made: one of ours, or one that lends an update its files.
 */

#include "engine/ct/ct.h"
#include "engine/ct/ct_session.h"

/* All borrowed but for place, target and params. */
struct ct_creation {
	struct lxcri_container *container; /* whose record tells of it */
	const struct lxcri_create_options *options;
	const struct bundle *bundle;
	struct pve *pve;
	struct ct_place place;
	struct ct_place
		*draft_of; /* in which it is noted as the draft; NULL: it is the container */
	struct ct_target target;
	struct json_object *params;
	unsigned int task_seconds;
};

/* Asks for it under a free number, having noted each that is tried, and waits until it is there.
 * Others take numbers at the same time: who is told that one is taken goes on to the next. */
[[nodiscard]] int ct_creation_make(struct ct_creation *creation, struct lxcri_error *err);

/* Frees what @creation holds; what it has made stays. Safe to repeat. */
void ct_creation_finish(struct ct_creation *creation);
