/* SPDX-License-Identifier: MIT */
#pragma once

/* The merged tree of an image, written as files. */

#include "base/fail.h"

#include <stddef.h>

/* Fills the empty directory @to with the tree whose layers @fds are, the topmost first: owners,
 * modes, times, extended attributes, devices, hard links and holes as they are there. All are
 * borrowed. LXCRI_E_CONVERSION_FAILED where it has no room for them or does not take them,
 * LXCRI_E_STORAGE_ERROR where the layers cannot be read. */
[[nodiscard]] int fill_dir(const int *fds, size_t count, int to, struct lxcri_error *err);
