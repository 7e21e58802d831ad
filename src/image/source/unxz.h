/* SPDX-License-Identifier: MIT */
#pragma once

/* Archives compressed by xz, of which file systems are often kept. */

#include "image/source/span.h"

#include <stdbool.h>

/* Tells by its first bytes whether @span is one. */
bool unxz_is(const struct span *span);

/* Makes @span the inflated bytes, in an unnamed file in the directory @scratch_fd, within the
 * budget of an image. LXCRI_E_EXTRACT_FAILED, LXCRI_E_LIMIT_EXCEEDED also for what takes more
 * memory than 48 MiB (xz -9), LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int unxz(struct span *span, int scratch_fd, struct lxcri_error *err);
