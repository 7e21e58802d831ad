/* SPDX-License-Identifier: MIT */
#pragma once

/* A container by the name of its pod. */

#include "cli/cli.h"

/* Opens the container @id, or that of the pod @id, which has one besides those that run at first.
 * The caller owns *@ret_container. LXCRI_E_INVALID_ARGUMENT names those of a pod with several. */
[[nodiscard]] int pod_container_open(struct cli *cli, const char *id,
				     struct lxcri_container **ret_container,
				     struct lxcri_error *err);
