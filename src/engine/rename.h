/* SPDX-License-Identifier: MIT */
#pragma once

/* Giving a container another id. */

#include "engine/engine.h"

/* Finishes, or forgets, what a killed command left of a rename. Costs one system call when there is
 * nothing. No home that the rename is about needs to be locked. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int rename_recover(struct lxcri_engine *engine, struct lxcri_error *err);

/* Does the same, and keeps any rename from happening while *@ret_lock, owned by the caller, is
 * open; -1 where there are no containers. */
[[nodiscard]] int rename_exclude(struct lxcri_engine *engine, int *ret_lock,
				 struct lxcri_error *err);
