/* SPDX-License-Identifier: MIT */
#pragma once

/* An open engine: where things lie, and the state database once it is needed. */

#include "base/fail.h"
#include "base/scope.h"
#include "engine/database/database.h"
#include "lxcri/container.h"

struct pve;

struct lxcri_engine {
	const struct lxcri_config *config; /* borrowed */
	char *root;                        /* absolute: run-time state */
	char *data;                        /* absolute: persistent data */
	struct database *database;         /* NULL until engine_database() */
	struct pve *pve;                   /* NULL until ct_session() */
	int shelf;                         /* the lock on workloads; right while it is held */
};

/* Returns the state database, opened at the first call; borrowed. NULL means failure, and @err is
 * filled. */
struct database *engine_database(struct lxcri_engine *engine, struct lxcri_error *err);

/* Returns @path seen from the root directory; owned by the caller. NULL, and @err is filled, where
 * it is relative to a directory that was deleted. */
[[nodiscard]] char *engine_absolute_path(const char *path, struct lxcri_error *err);

/* Returns the path of the run directory of @id, "<root>/containers/<id>"; owned by the caller. */
[[nodiscard]] char *engine_run_dir(const struct lxcri_engine *engine, const char *id);

/* Returns the path of the persistent directory of @id, "<data>/containers/<id>"; owned by the
 * caller. */
[[nodiscard]] char *engine_data_dir(const struct lxcri_engine *engine, const char *id);

/* Refuses an id outside [A-Za-z0-9][A-Za-z0-9_.+-]{0,127} with LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int engine_check_id(const char *id, struct lxcri_error *err);
