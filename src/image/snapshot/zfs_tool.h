/* SPDX-License-Identifier: MIT */
#pragma once

/* The program "zfs", which knows more about properties than its library. */

#include "base/fail.h"
#include "base/strings.h"

/* Runs it with @args, ended by NULL, and yields what it printed, line by line, where @ret_lines is
 * not NULL. It goes on when we are killed: the lock @lock, a descriptor or -1, is then held by it.
 * LXCRI_E_ZFS_ERROR with what it said. */
[[nodiscard]] int zfs_tool(const char *const *args, int lock, struct strings *ret_lines,
			   struct lxcri_error *err);

/* Calls it without a lock: ZFS_TOOL(&lines, err, "list", "-H", name). */
#define ZFS_TOOL(lines_, err_, ...) \
	zfs_tool((const char *const[]){ __VA_ARGS__, NULL }, -1, lines_, err_)
