/* SPDX-License-Identifier: MIT */
#pragma once

/* How root file systems are made from layers: storage.driver of the configuration, or what the file
 * system of the data directory can carry. */

#include "engine/engine.h"

enum driver {
	DRIVER_OVERLAY, /* an overlay over the layers */
	DRIVER_DIR,     /* a copy of the layers */
};

/* What is chosen for one container. */
struct driver_choice {
	enum driver driver;
	bool can_map; /* mounts of the data directory can have other owners than the disk has */
};

/* Chooses how the root file system of a container is made: one with ids of its own (@mapped) needs
 * layers that can be mapped for an overlay. What can be had is tried once, and remembered until the
 * next boot. A driver that was asked for and cannot be had is LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int driver_choose(const struct lxcri_engine *engine, bool mapped,
				struct driver_choice *ret_choice, struct lxcri_error *err);
