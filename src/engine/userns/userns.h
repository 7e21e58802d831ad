/* SPDX-License-Identifier: MIT */
#pragma once

/* The user namespace that a container made from an image gets. */

#include "engine/record.h"

/* Fills record->ids, but for where they start: what @options say as "host", "auto", "keep" or
 * "keep:UID[:GID]", else userns.mode of @config. Privileged containers have the host's ids, and so
 * have those of runc. LXCRI_E_INVALID_ARGUMENT, or LXCRI_E_UNSUPPORTED_OPERATION where other ids
 * are asked for by name and cannot be had. */
[[nodiscard]] int userns_choose(const struct lxcri_create_options *options,
				const struct lxcri_config *config, struct record *record,
				struct lxcri_error *err);
