/* SPDX-License-Identifier: MIT */
#pragma once

/* The numbers that CTs of pods have, or had and are to have again. */

#include "engine/engine.h"

/* Finds the number that the CT of @pod had when it was last there. Returns 1, or 0. */
[[nodiscard]] int ct_number_find(struct lxcri_engine *engine, const char *pod, uint32_t *ret,
				 struct lxcri_error *err);

/* Fills *@ret, owned by the caller, with those of all pods. Returns how many there are. */
[[nodiscard]] int ct_number_kept(struct lxcri_engine *engine, uint32_t **ret,
				 struct lxcri_error *err);

/* Notes that @vmid is that of @pod. */
[[nodiscard]] int ct_number_note(struct lxcri_engine *engine, const char *pod, uint32_t vmid,
				 struct lxcri_error *err);
