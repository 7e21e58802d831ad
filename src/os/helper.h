/* SPDX-License-Identifier: MIT */
#pragma once

/* The executables that belong to this program and are started by it. */

/* Returns the path of the helper @name, owned by the caller: the file beside the running
 * executable, as it stands in a build directory, else the one in the installed helper directory,
 * whether it exists or not. */
[[nodiscard]] char *helper_path(const char *name);

/* Returns the path of the command itself in the same way, for who uses the library only; owned by
 * the caller. */
[[nodiscard]] char *helper_command_path(void);
