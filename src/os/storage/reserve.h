/* SPDX-License-Identifier: MIT */
#pragma once

/* Room on a disk that is kept for later, in a file without a name: it is free again when its
 * descriptor is closed, also by a kill. */

#include <stdint.h>

/* Takes @bytes on the file system of the directory @dir. Returns the descriptor, which the caller
 * closes, or -errno: -ENOSPC where there is not as much, -EOPNOTSUPP where room cannot be kept. */
[[nodiscard]] int reserve_room(const char *dir, uint64_t bytes);
