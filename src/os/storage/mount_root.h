/* SPDX-License-Identifier: MIT */
#pragma once

/* The root file system of a container as a monitor mounts it, in a mount namespace of its own. */

#include "base/strings.h"
#include "os/id_map.h"

#include <stdbool.h>

/* What is mounted is the one of these that is given: an overlay, a dataset of ZFS, or a directory.
 * Paths are absolute, and exist. Zeroed is nothing to be mounted. */
struct mount_root {
	char *target;
	struct strings lowers; /* topmost first */
	char *upper;           /* NULL: the overlay is read-only */
	char *work;
	char *dataset;
	char *directory;
	struct id_map owners; /* of a container that has a user namespace */
	bool is_shifted;      /* the files belong to the ids of the host already */
};

/* Frees what @root holds. Safe to repeat. */
void mount_root_finish(struct mount_root *root);

/* Mounts it. A container that has a user namespace gets no device files. 0 or -errno. */
[[nodiscard]] int mount_root(const struct mount_root *root);
