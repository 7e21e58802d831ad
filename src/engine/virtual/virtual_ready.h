/* SPDX-License-Identifier: MIT */
#pragma once

/* Who of a service's members is ready: looked at, noted in the database, and made true in the
 * rules. Nobody who calls this holds the lock of a container or of the host's network. */

#include "engine/database/services.h"
#include "engine/engine.h"

/* Tells whether @id, a container or a pod, runs and is ready, 1 or 0, and unless @ret_ports is NULL
 * what it calls its ports, owned by the caller. Nothing is noted. What is gone is not ready; what
 * cannot be told is an error. */
[[nodiscard]] int virtual_ready_is(struct lxcri_engine *engine, const char *id, char **ret_ports,
				   struct lxcri_error *err);

/* Looks at @container, or the pod that it is of. Nothing happens where it is no member. */
[[nodiscard]] int virtual_ready_look(struct lxcri_engine *engine, const char *container,
				     struct lxcri_error *err);

/* Looks at all members of the service @key, or with NULL of all that there are. */
[[nodiscard]] int virtual_ready_look_all(struct lxcri_engine *engine, const struct service_row *key,
					 struct lxcri_error *err);

/* As virtual_ready_look(), for who has done his part: a failure is told as a warning. */
void virtual_ready_tell(struct lxcri_engine *engine, const char *container);

/* The annotation of a pod with the names of its ports, as struct member_row has them. */
#define VIRTUAL_PORTS_ANNOTATION "org.proxmox-lxcri.ports"
