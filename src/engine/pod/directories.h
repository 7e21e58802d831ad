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

/* Tells who on the host is root in the containers of @shell, and which group is their @fs_group;
 * NULL: root's. 0 or -errno. */
[[nodiscard]] int directories_find_owner(const struct lxcri_container *shell,
					 const unsigned int *fs_group, uint32_t *ret_uid,
					 uint32_t *ret_gid);

/* Returns where @source ("pod:...") of the pod @shell is, owned by the caller; @options says which
 * there are. A file below a directory is one that was made with it. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int directories_find(const struct lxcri_container *shell,
				   const struct lxcri_pod_options *options, const char *source,
				   char **ret_path, struct lxcri_error *err);
