/* SPDX-License-Identifier: MIT */
#pragma once

/* Where files have their blocks. */

#include <stdint.h>

/* Finds where on the disk the first block of the open file is: files with the same one share it.
 * Returns 1, 0 where the file has no block (it is empty, or lies inside of its inode), or -errno.
 */
[[nodiscard]] int extent_first(int fd, uint64_t *ret_place);
