/* SPDX-License-Identifier: MIT */
#pragma once

/* Making a container. */

#include "engine/container.h"

/* As lxcri_container_create() for an image, with the bundle in the existing, empty directory
 * @bundle_path (absolute) instead of the container's data directory. */
[[nodiscard]] int create_with_bundle(struct lxcri_engine *engine,
				     const struct lxcri_create_options *options,
				     const char *bundle_path,
				     struct lxcri_container **ret_container,
				     struct lxcri_error *err);

/* Where a container of a pod is. */
struct create_place {
	const char *pod; /* whose namespaces are there */
	bool host_network;
	bool is_first;                /* run to its end before the others */
	const struct record_ids *ids; /* of the pod */
	int64_t fs_group;             /* of the containers' ids, to which volumes are given; -1 */
	bool keep_group;              /* not those whose root is that group's already */
};

/* As lxcri_container_create() for an image, in a pod; the options have its hostname and name
 * servers, and nothing of networks. */
[[nodiscard]] int create_in_pod(struct lxcri_engine *engine,
				const struct lxcri_create_options *options,
				const struct create_place *place,
				struct lxcri_container **ret_container, struct lxcri_error *err);
