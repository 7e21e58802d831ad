/* SPDX-License-Identifier: MIT */
#pragma once

/* liblxc's command socket, at a place where permissions count. */

#include "base/fail.h"

/* Lets the command socket lie in the container's run directory @run_dir. To be called before liblxc
 * is loaded, and once; the file goes with the directory. LXCRI_E_SYSTEM. */
[[nodiscard]] int lxc_command_socket_place(const char *run_dir, struct lxcri_error *err);
