/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_RUNTIME_H
#define LXCRI_RUNTIME_H

/* One runtime by its type: the containers of an engine, made and driven by id on lxc, crun or runc
 * alone, whatever the configuration's routing says. Each function fails as that of containers whose
 * name it has; an id that is unknown, or another runtime's, is LXCRI_E_CONTAINER_NOT_FOUND. */

#include <lxcri/container.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_runtime;

/* Opens the runtime of @type on @engine, which must outlive it. LXCRI_E_RUNTIME_NOT_FOUND when the
 * program of runc is not there; where liblxc is missing, creating a container tells.
 * LXCRI_E_UNSUPPORTED_OPERATION for a type that has no bundles. The caller owns *@ret_runtime. */
int lxcri_runtime_open(struct lxcri_engine *engine, enum lxcri_container_type type,
		       struct lxcri_runtime **ret_runtime, struct lxcri_error *err);

/* Closes @runtime; NULL is fine. No container is touched. */
void lxcri_runtime_free(struct lxcri_runtime *runtime);

/* Creates the container @id from the directory @bundle. @spec, when not NULL, wins over and
 * replaces its config.json. Standard streams are the caller's. */
int lxcri_runtime_create(struct lxcri_runtime *runtime, const char *id, const char *bundle,
			 const struct lxcri_spec *spec, struct lxcri_error *err);

/* Releases the process of the created container @id. */
int lxcri_runtime_start(struct lxcri_runtime *runtime, const char *id, struct lxcri_error *err);

/* Creates, starts, waits and deletes. Returns the exit code. */
int lxcri_runtime_run(struct lxcri_runtime *runtime, const char *id, const char *bundle,
		      const struct lxcri_spec *spec, struct lxcri_error *err);

/* Sends the signal that @signal names: with or without SIG, any case, or a number from 1 to
 * 64; another word is LXCRI_E_INVALID_ARGUMENT. */
int lxcri_runtime_kill(struct lxcri_runtime *runtime, const char *id, const char *signal,
		       struct lxcri_error *err);

/* Removes the stopped container @id. */
int lxcri_runtime_delete(struct lxcri_runtime *runtime, const char *id, struct lxcri_error *err);

/* Tells whether @id is a container of this runtime: 1, 0, or < 0 on failure. */
int lxcri_runtime_exists(struct lxcri_runtime *runtime, const char *id, struct lxcri_error *err);

/* Reads the status of @id. */
int lxcri_runtime_status(struct lxcri_runtime *runtime, const char *id,
			 enum lxcri_status *ret_status, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
