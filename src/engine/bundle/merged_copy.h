/* SPDX-License-Identifier: MIT */
#pragma once

/* A directory of the merged layers, copied out: what a volume begins with. */

#include "image/layer/merged.h"

/* Copies what is in @dir, and its own owner, mode and times, into the empty directory @to: files,
 * directories, symlinks, devices and fifos with owner, mode, times and extended attributes. Sockets
 * are left out; two names of one file become two files. Returns 0 or -errno; @to may be half filled
 * then. */
[[nodiscard]] int merged_copy(const struct merged *dir, int to);
