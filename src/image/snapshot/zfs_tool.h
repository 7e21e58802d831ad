/* SPDX-License-Identifier: MIT */
#pragma once

/* The program "zfs", which knows more about properties than its library. */

#include "base/fail.h"
#include "base/strings.h"

/* Runs it with @args, ended by NULL, and yields what it printed, line by line, where @ret_lines is
 * not NULL. LXCRI_E_ZFS_ERROR with what it said. */
[[nodiscard]] int zfs_tool(const char *const *args, struct strings *ret_lines,
			   struct lxcri_error *err);

/* Calls it: ZFS_TOOL(&lines, err, "list", "-H", name). */
#define ZFS_TOOL(lines_, err_, ...) \
	zfs_tool((const char *const[]){ __VA_ARGS__, NULL }, lines_, err_)
