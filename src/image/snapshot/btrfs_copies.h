/* SPDX-License-Identifier: MIT */
#pragma once

/* What subvolumes of layers have on the disk for themselves. */

#include <stdint.h>

/* Returns what the files of the unpacked layer @layer take in @merged, where it was merged into:
 * nothing for those that share their blocks, which is all of them unless the file system can't (a
 * directory without copy-on-write, chattr +C), or the layer was unpacked anew since. Both are
 * directories, and borrowed. */
uint64_t btrfs_copies_measure(int layer, int merged);
