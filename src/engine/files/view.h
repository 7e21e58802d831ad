/* SPDX-License-Identifier: MIT */
#pragma once

/* The root of a container as a directory descriptor. While a process of it runs that is the root
 * which this process has, with all that is mounted there. Otherwise the root file system is mounted
 * for us alone, with the container's volumes, and the container is kept as it is until the view
 * ends. */

#include "engine/container.h"

struct view {
	struct lxcri_container *container; /* borrowed */
	int root;                          /* O_PATH */
	int space;     /* the mount namespace that we made, which lives as long as this; or -1 */
	char *uid_map; /* as /proc/PID/uid_map has it; NULL: no user namespace */
	char *gid_map;
	bool locked;
};
#define VIEW_NULL ((struct view){ .root = -1, .space = -1 })

/* Opens the root of @container. LXCRI_E_MOUNT_FAILED, LXCRI_E_INVALID_STATE. */
[[nodiscard]] int view_open(struct lxcri_container *container, struct view *ret_view,
			    struct lxcri_error *err);

/* Ends the view. Safe to repeat. */
void view_finish(struct view *view);
