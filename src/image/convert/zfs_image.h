/* SPDX-License-Identifier: MIT */
#pragma once

/* Images as datasets of ZFS. */

#include "base/fail.h"

/* Finds out whether this host can make one: asks the kernel. LXCRI_E_ZFS_ERROR where it has no ZFS,
 * LXCRI_E_UNSUPPORTED_OPERATION where it has, but this build does not make datasets. */
[[nodiscard]] int zfs_image_check(struct lxcri_error *err);
