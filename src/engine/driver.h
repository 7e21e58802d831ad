/* SPDX-License-Identifier: MIT */
#pragma once

/* How root file systems are made from layers: storage.driver of the configuration, or what the file
 * system of the data directory can carry. */

#include "engine/engine.h"

enum driver {
	DRIVER_OVERLAY, /* an overlay over the layers */
	DRIVER_DIR,     /* a copy of the layers */
};

/* Chooses the driver of @engine. Whether an overlay can be had is tried once, and remembered until
 * the next boot. A driver that was asked for and cannot be had is LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int driver_choose(const struct lxcri_engine *engine, enum driver *ret_driver,
				struct lxcri_error *err);
