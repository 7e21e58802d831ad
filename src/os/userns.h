/* SPDX-License-Identifier: MIT */
#pragma once

/* User namespaces that nobody lives in: they tell the kernel how to map the owners of a mount. */

#include "os/id_map.h"

/* Makes a user namespace with @map. Returns its fd, owned by the caller, or -errno. */
[[nodiscard]] int userns_open(const struct id_map *map);
