/* SPDX-License-Identifier: MIT */
#pragma once

/* Parts of directories that a container of a pod mounts instead of the whole. Which ones stands in
 * a file of its data directory; where they lead is looked up anew at each start, by its monitor. */

#include "base/fail.h"
#include "base/strings.h"

/* By turns a directory of the host and a path in it, which stays below it. */
#define PARTS_FILE "parts.json"

/* Fails unless @path is one that can be a part: relative, without "..". LXCRI_E_INVALID_ARGUMENT.
 */
[[nodiscard]] int parts_check(const char *path, struct lxcri_error *err);

/* Adds one to @parts. Returns where the specification of a container with the run directory
 * @run_dir has it mounted from, owned by the caller. */
[[nodiscard]] char *parts_add(struct strings *parts, const char *directory, const char *path,
			      const char *run_dir);

/* Writes @parts into the data directory @dir, unless there are none. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int parts_save(const struct strings *parts, const char *dir, struct lxcri_error *err);

/* Appends those of the data directory @dir; none are nothing. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int parts_load(const char *dir, struct strings *ret, struct lxcri_error *err);
