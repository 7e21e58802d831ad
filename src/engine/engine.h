/* SPDX-License-Identifier: MIT */
#pragma once

/* An open engine: where things lie, and the state database once it is needed. */

#include "base/fail.h"
#include "base/scope.h"
#include "engine/database/database.h"
#include "lxcri/container.h"

struct pve;
struct ruleset;

struct lxcri_engine {
	const struct lxcri_config *config; /* borrowed */
	char *root;                        /* absolute: run-time state */
	char *data;                        /* absolute: persistent data */
	struct database *database;         /* NULL until engine_database() */
	struct pve *pve;                   /* NULL until ct_session() */
	struct ruleset *spent;             /* see session_end() */
	unsigned int deferred;             /* calls of engine_defer() that have not ended */
	int shelf;                         /* the lock on workloads; right while it is held */
};

/* Returns the state database, opened at the first call; borrowed. NULL means failure, and @err is
 * filled. */
struct database *engine_database(struct lxcri_engine *engine, struct lxcri_error *err);

/* From here to engine_settle() changes of the database need not be on the disk when their functions
 * return: one flush stands for many. Until then nothing of them is acknowledged, and whoever
 * touches what a power cut would leave behind without them, calls engine_flush() first. Calls nest.
 */
[[nodiscard]] int engine_defer(struct lxcri_engine *engine, struct lxcri_error *err);

/* Ends what engine_defer() has begun, with all changes on the disk. Takes the result @r of what was
 * done in between, and returns it, or -1 where only the flush failed; @err has the first failure.
 */
[[nodiscard]] int engine_settle(struct lxcri_engine *engine, int r, struct lxcri_error *err);

/* Waits until the changes so far are on the disk; nothing to do where none was deferred. */
[[nodiscard]] int engine_flush(struct lxcri_engine *engine, struct lxcri_error *err);

/* Returns @path seen from the root directory; owned by the caller. NULL, and @err is filled, where
 * it is relative to a directory that was deleted. */
[[nodiscard]] char *engine_absolute_path(const char *path, struct lxcri_error *err);

/* Returns the path of the run directory of @id, "<root>/containers/<id>"; owned by the caller. */
[[nodiscard]] char *engine_run_dir(const struct lxcri_engine *engine, const char *id);

/* Returns the path of the persistent directory of @id, "<data>/containers/<id>"; owned by the
 * caller. */
[[nodiscard]] char *engine_data_dir(const struct lxcri_engine *engine, const char *id);

/* Waits for the lock on the file @name in the directory @dir; both are made where they are missing.
 * Returns a descriptor that holds it, or -1. */
[[nodiscard]] int engine_lock_file(const char *dir, const char *name, struct lxcri_error *err);

/* The same, but fails where somebody has it. */
[[nodiscard]] int engine_try_lock_file(const char *dir, const char *name, struct lxcri_error *err);

/* Refuses an id outside [A-Za-z0-9][A-Za-z0-9_.+-]{0,127} with LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int engine_check_id(const char *id, struct lxcri_error *err);
