/* SPDX-License-Identifier: MIT */
#pragma once

/* The addresses of pods in Proxmox VE: the cluster is asked for those that a running one has, which
 * are kept with its place, for names and services. */

#include "engine/engine.h"

/* Asks for those of the pod @id, or of the pod that the container @id is of. Returns 1, or 0 where
 * it does not run, has none yet, or is no such pod. Services are told what is new. */
[[nodiscard]] int ct_address_look(struct lxcri_engine *engine, const char *id,
				  struct lxcri_error *err);
