/* SPDX-License-Identifier: MIT */
#pragma once

/* The ranges of ids that containers get, one each. A range belongs to the container's row of the
 * state database: it is taken in the transaction that makes the row and free again when that goes.
 */

#include "engine/home.h"

/* Chooses record->ids.start for the container of @home and writes the record, both at once. Passed
 * over are the ranges of other containers, those in /etc/subuid and /etc/subgid but for lines of
 * "proxmox-lxcri", and those of the data directory that is used when none is named.
 * LXCRI_E_ID_RANGES_EXHAUSTED, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int id_pool_take(struct lxcri_engine *engine, const struct home *home,
			       struct record *record, struct lxcri_error *err);
