/* SPDX-License-Identifier: MIT */
#pragma once

/* Owners of whole trees of files. */

#include "os/id_map.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Whom files are given to. */
struct owner_change {
	const struct id_map *map; /* to the ids of the host behind theirs; those that have none go
				     to nobody's. Set-id bits and capabilities of files stay */
	uid_t uid;                /* without a map: to these */
	gid_t gid;
	bool to_group; /* the group alone is changed: it may do what the owner may, and directories
			  hand it on */
};

/* Changes the owner of the file @fd, and of everything below a directory on its file system. No
 * link is followed, and a file of several names is changed once. 0 or the first -errno. */
[[nodiscard]] int owner_change_tree(int fd, const struct owner_change *change);

/* Tells whether a file of @status is as a change to the group @gid would leave it. */
bool owner_is_group_of(const struct stat *status, gid_t gid);
