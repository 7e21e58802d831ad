/* SPDX-License-Identifier: MIT */
#pragma once

/* Removing what was applied. */

#include "engine/workload/converge.h"
#include "lxcri/workload/manifest.h"

/* Removes the pods of @object, then what is kept of it. The lock of the shelf is held. */
[[nodiscard]] int remove_object(struct lxcri_engine *engine, const struct object *object,
				const struct lxcri_manifest_options *options,
				struct lxcri_error *err);
