/* SPDX-License-Identifier: MIT */
#pragma once

/* What the functions of lxcri/files.h have in common. */

#include "base/strings.h"
#include "engine/engine.h"
#include "lxcri/files.h"

/* Refuses a bad name with LXCRI_E_INVALID_ARGUMENT, and one of no volume with
 * LXCRI_E_PATH_NOT_FOUND. */
[[nodiscard]] int volumes_get(const struct lxcri_engine *engine, const char *name,
			      struct lxcri_error *err);

/* Appends the ids of the containers that mount the volume @name. */
[[nodiscard]] int volumes_users(struct lxcri_engine *engine, const char *name,
				struct strings *users, struct lxcri_error *err);
