/* SPDX-License-Identifier: MIT */
#pragma once

/* Making a container. */

#include "lxcri/container.h"

/* As lxcri_container_create() for an image, with the bundle in the existing, empty directory
 * @bundle_path (absolute) instead of the container's data directory. */
[[nodiscard]] int create_with_bundle(struct lxcri_engine *engine,
				     const struct lxcri_create_options *options,
				     const char *bundle_path,
				     struct lxcri_container **ret_container,
				     struct lxcri_error *err);
