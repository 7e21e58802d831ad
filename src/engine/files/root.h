/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the root file system of a container lies on the host. */

#include "base/json.h"
#include "engine/container.h"

/* Reads the container's specification; NULL, and @err is filled, when that fails. Owned by the
 * caller. */
[[nodiscard]] struct json_object *root_load_spec(const struct lxcri_container *container,
						 struct lxcri_error *err);

/* Returns the path of the root file system as @spec has it, owned by the caller. That of layers is
 * mounted there. */
[[nodiscard]] char *root_find(const struct lxcri_container *container, struct json_object *spec);

/* Returns the numbers of users or groups (@key: "uidMappings", "gidMappings") in the form of the
 * kernel, owned by the caller; NULL for a container without a user namespace. */
[[nodiscard]] char *root_format_map(struct json_object *spec, const char *key);

/* Refuses a root file system whose /dev is a symlink, with LXCRI_E_INVALID_SPEC: runc before 1.2
 * follows it on the host, and makes links and removes files where it leads. */
[[nodiscard]] int root_check_dev(const struct lxcri_container *container, struct lxcri_error *err);
