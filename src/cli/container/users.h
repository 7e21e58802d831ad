/* SPDX-License-Identifier: MIT */
#pragma once

/* What a running container calls its users. */

#include "base/strings.h"
#include "transfer/copy_ids.h"

#include <sys/types.h>

/* Zeroed knows no names. */
struct users {
	struct copy_ids uids;
	struct strings names; /* by turns a name and the number that it has, as text */
};

/* Reads the users of the container with the first process @pid. What cannot be read has no names.
 */
void users_load(pid_t pid, struct users *users);

/* Returns the name of the host's number @uid in the container, or the container's number for it, or
 * the host's own where it has none; owned by the caller. */
[[nodiscard]] char *users_name(const struct users *users, uid_t uid);

/* Frees what @users holds. */
void users_finish(struct users *users);
