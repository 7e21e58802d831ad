/* SPDX-License-Identifier: MIT */
#pragma once

/* A container of a pod. */

#include "engine/pod/pod.h"

/* Makes the container @member of @pod, whose namespaces are there. Errors as
 * lxcri_container_create(). */
[[nodiscard]] int member_create(struct lxcri_pod *pod, const struct lxcri_pod_options *options,
				const struct lxcri_create_options *member, struct lxcri_error *err);
