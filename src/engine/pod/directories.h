/* SPDX-License-Identifier: MIT */
#pragma once

/* The directories that live as long as a pod, in its data directory. */

#include "engine/container.h"
#include "lxcri/workload/pod.h"

/* What a volume's source begins with that means one. */
#define DIRECTORIES_PREFIX "pod:"

/* Makes those of @options, with their files, for the ids of @shell, on the disk.
 * LXCRI_E_INVALID_ARGUMENT, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int directories_make(const struct lxcri_container *shell,
				   const struct lxcri_pod_options *options,
				   struct lxcri_error *err);

/* Returns where @source ("pod:...") of the pod @shell is, owned by the caller; @options says which
 * there are. A file below a directory is one that was made with it. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int directories_find(const struct lxcri_container *shell,
				   const struct lxcri_pod_options *options, const char *source,
				   char **ret_path, struct lxcri_error *err);
