/* SPDX-License-Identifier: MIT */
#pragma once

/* The merged tree of an image, written as files. */

#include "base/fail.h"

#include <stddef.h>

/* Whether device files are among what is written. */
enum fill_devices { FILL_WITH_DEVICES, FILL_WITHOUT_DEVICES };

/* Fills the empty directory @to with the tree whose layers @fds are, the topmost first: owners,
 * modes, times, extended attributes, devices, hard links and holes as they are there. All are
 * borrowed. LXCRI_E_CONVERSION_FAILED where it has no room for them or does not take them,
 * LXCRI_E_STORAGE_ERROR where the layers cannot be read. */
[[nodiscard]] int fill_dir(const int *fds, size_t count, int to, enum fill_devices devices,
			   struct lxcri_error *err);

/* Adds a copy of the open file @init, /.lxcri/init, to the tree that @root was filled with; both
 * are borrowed. LXCRI_E_INVALID_FORMAT where it has something there, LXCRI_E_CONVERSION_FAILED. */
[[nodiscard]] int fill_add_init(int root, int init, struct lxcri_error *err);
