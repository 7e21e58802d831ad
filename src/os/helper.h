/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the executables below the command lie. */

/* Returns the path of the helper @name: beside the running program, where a build directory has it,
 * else in the directory of the installation. The caller owns it. It need not exist. */
[[nodiscard]] char *helper_path(const char *name);
