/* SPDX-License-Identifier: MIT */
#pragma once

/* The addresses of pods in Proxmox VE, and of other containers there that are guests: the cluster
 * is asked for those that a running one has, which are kept with its place, for names and services.
 */

#include "engine/container.h"

/* Asks for those of the pod @id, of the pod that the container @id is of, or of that. Returns 1, or
 * 0 where it does not run, has none yet, or has no place. Services are told what is new. */
[[nodiscard]] int ct_address_look(struct lxcri_engine *engine, const char *id,
				  struct lxcri_error *err);

/* As that, of @container, which is no pod's; what has ended is not to be reached any more. */
[[nodiscard]] int ct_address_look_at(struct lxcri_container *container, struct lxcri_error *err);
