/* SPDX-License-Identifier: MIT */
#pragma once

/* Owners of whole trees of files. */

#include "os/id_map.h"

#include <sys/types.h>

/* Whom files are given to. */
struct owner_change {
	const struct id_map *map; /* to the ids of the host behind theirs; those that have none go
				     to nobody's. Set-id bits and capabilities of files stay */
	uid_t uid;                /* without a map: to these */
	gid_t gid;
};

/* Changes the owner of the file @fd, and of everything below a directory on its file system. No
 * link is followed, and a file of several names is changed once. 0 or the first -errno. */
[[nodiscard]] int owner_change_tree(int fd, const struct owner_change *change);
