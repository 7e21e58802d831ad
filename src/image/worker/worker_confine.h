/* SPDX-License-Identifier: MIT */
#pragma once

/* Which rights the worker keeps. */

#include "image/layout.h"
#include "os/confine.h"

/* Gives up every right but those to write images and layers of @layout, and to use what @others
 * name: not the containers, nor the database beside them. Memory is limited. layout->layers_fd
 * becomes one through which no device can be opened. */
[[nodiscard]] int worker_confine(struct layout *layout, const struct confine_path *others,
				 size_t n_others, struct lxcri_error *err);
