/* SPDX-License-Identifier: MIT */
#pragma once

/* Parts of directories, mounted where their paths lead to nothing else: what somebody who writes to
 * the directory puts in the way of such a path stays without effect beyond it. */

#include "base/strings.h"

/* What is done about a part that is not there: it becomes a directory of the same owner and mode as
 * the whole, or, for who only looks, there is an empty one that nobody can write to. */
enum part_missing { PART_MAKE, PART_LEAVE };

/* Mounts a tmpfs on the directory @places, which is made, and on its entries "0", "1" and so on the
 * parts that @pairs name: a directory, then a path in it, as seen from inside it. Belongs into a
 * mount namespace of the caller's own. Nothing is done for no pairs. 0, or -errno with *@ret_index
 * of the part. */
[[nodiscard]] int part_mount_all(const char *places, const struct strings *pairs,
				 enum part_missing missing, size_t *ret_index);
