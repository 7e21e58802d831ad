/* SPDX-License-Identifier: MIT */
#pragma once

/* As whom files are made. */

#include <sys/types.h>

/* Lets this thread make files as @uid and @gid, and keep the rights that it has over those of
 * others. On a mount for a user namespace only its ids can make any. 0 or -errno. */
[[nodiscard]] int fs_ids_set(uid_t uid, gid_t gid);
