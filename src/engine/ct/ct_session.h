/* SPDX-License-Identifier: MIT */
#pragma once

/* What the engine asks of a cluster of Proxmox VE about containers. */

#include "engine/ct/ct_place.h"
#include "engine/engine.h"
#include "proxmox/pve.h"

/* Returns the engine's connection, made at the first call; borrowed. NULL means failure. */
struct pve *ct_session(struct lxcri_engine *engine, struct lxcri_error *err);

/* Fails unless the cluster's version knows entry points and environments of containers: 9.1.
 * LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int ct_session_check(struct pve *pve, struct lxcri_error *err);

/* Tells whether nothing has the number @vmid, on whichever node: 1 or 0. */
[[nodiscard]] int ct_session_is_free(struct pve *pve, uint32_t vmid, struct lxcri_error *err);

/* Returns "/nodes/NODE/lxc/VMID" and @tail; owned by the caller. */
[[nodiscard]] char *ct_path(const struct ct_place *place, const char *tail);

/* Reads the configuration of the container of @place, wherever it has been moved to, which is noted
 * in @place then. Returns 1, or 0 where there is none any more, or another one has its number: then
 * *@ret_config is NULL. The caller owns *@ret_config. */
[[nodiscard]] int ct_find(struct pve *pve, struct ct_place *place, struct json_object **ret_config,
			  struct lxcri_error *err);

/* As that, and none is LXCRI_E_CONTAINER_NOT_FOUND. A container that something has locked is
 * LXCRI_E_INVALID_STATE. */
[[nodiscard]] int ct_get(struct pve *pve, struct ct_place *place, struct json_object **ret_config,
			 struct lxcri_error *err);

/* Changes its configuration, unless somebody else has since @config was read. */
[[nodiscard]] int ct_change(struct pve *pve, const struct ct_place *place,
			    struct json_object *config, struct json_object *params,
			    struct lxcri_error *err);

/* Looks for the container of @place, and where it is not known whether it was made for one that
 * bears its token; for one that is still being made it waits. As ct_find(). */
[[nodiscard]] int ct_search(struct pve *pve, struct ct_place *place, struct lxcri_error *err);

/* As that. A request that was on its way when we were killed may still be done, for as long as a
 * request may take. */
[[nodiscard]] int ct_search_patiently(struct pve *pve, struct ct_place *place,
				      struct lxcri_error *err);

/* Where a new container goes. Zeroed is nowhere. */
struct ct_target {
	char *node;
	char *storage; /* of its root file system */
};

/* Chooses the node: @wanted, else that of the configuration, else the one with most free memory;
 * and the storage. The caller ends *@ret with ct_target_finish(). LXCRI_E_INVALID_ARGUMENT,
 * LXCRI_E_INVALID_CONFIG. */
[[nodiscard]] int ct_target_choose(struct lxcri_engine *engine, const char *wanted,
				   struct ct_target *ret, struct lxcri_error *err);

/* Frees what @target holds. Safe to repeat. */
void ct_target_finish(struct ct_target *target);
