/* SPDX-License-Identifier: MIT */
#pragma once

/* What is kept of a pod of a set while it is not there: its places in networks stay in the database
 * in a name that no pod can have, so that nobody else gets its addresses. */

#include "engine/network/join.h"

/* Keeps the places of the pod @id, whose record is about to go. */
[[nodiscard]] int identity_keep(struct lxcri_engine *engine, const char *id,
				struct lxcri_error *err);

/* Gives the new pod of @join the places that are kept for it, with its names and ports as they are
 * asked for. Returns 1, or 0 when there are none in the same networks; those go then. */
[[nodiscard]] int identity_restore(struct lxcri_engine *engine, const struct join *join,
				   struct lxcri_error *err);

/* Forgets what is kept of the pods of a set, also of those that it has long had no more: their ids
 * are @prefix and a number. */
[[nodiscard]] int identity_forget_set(struct lxcri_engine *engine, const char *prefix,
				      struct lxcri_error *err);
