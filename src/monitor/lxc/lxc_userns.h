/* SPDX-License-Identifier: MIT */
#pragma once

/* What a container with a user namespace of its own cannot do itself, and so gets. */

#include "base/fail.h"
#include "oci/runtime_spec.h"
#include "os/id_map.h"
#include "runtime/lxc/lxc_plan.h"

/* Fills @ret_map with the mapping of @part; empty unless it asks for a new user namespace. More
 * extents than can be kept are LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int lxc_userns_map(const struct spec_linux *part, struct id_map *ret_map,
				 struct lxcri_error *err);

/* Gives pipes and sockets that are our standard streams to the container's root, who could not open
 * them by name otherwise, nor hand them on. Anything else is not ours to give. */
void lxc_userns_give_streams(const struct id_map *map);

/* Raises the hard limits of this process to those of @process, for its children to inherit: only
 * the host's root may. One that it may not raise either is left for them to complain of. */
void lxc_userns_raise_limits(const struct lxc_plan_process *process);

/* Makes the device files of @plan with owners of @map, on a file system of this mount namespace,
 * and hands each to @send. */
[[nodiscard]] int lxc_userns_make_devices(const struct lxc_plan *plan, const struct id_map *map,
					  int (*send)(void *userdata, const char *path,
						      struct lxcri_error *err),
					  void *userdata, struct lxcri_error *err);
