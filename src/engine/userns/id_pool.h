/* SPDX-License-Identifier: MIT */
#pragma once

/* The ranges of ids that containers get, one each. A range belongs to the container's row of the
 * state database: it is taken in the transaction that makes the row and free again when that goes.
 */

#include "engine/home.h"
#include "engine/userns/id_ranges.h"

/* Lines of this name in /etc/subuid and /etc/subgid keep ids for us, so that useradd gives them to
 * nobody else. */
#define ID_POOL_OWN_NAME "proxmox-lxcri"

/* Returns what the configuration says of the pool. */
struct id_pool_bounds id_pool_bounds(const struct lxcri_config *config);

/* Chooses record->ids.start for the container of @home and writes the record, both at once. Passed
 * over are the ranges of other containers, those in /etc/subuid and /etc/subgid but for lines of
 * "proxmox-lxcri", and those of other data directories (instances.h). LXCRI_E_ID_RANGES_EXHAUSTED,
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int id_pool_take(struct lxcri_engine *engine, const struct home *home,
			       struct record *record, struct lxcri_error *err);
