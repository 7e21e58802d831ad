/* SPDX-License-Identifier: MIT */
#pragma once

/* liblxc, loaded at run time: 5.0 or later. */

#include "base/fail.h"

#include <lxc/lxccontainer.h>

/* Loads liblxc and returns a new handle of the container @id below @lxcpath, which is released when
 * the process ends. LXCRI_E_RUNTIME_NOT_FOUND without the library, LXCRI_E_RUNTIME_INIT_FAILED when
 * it is too old or refuses. */
[[nodiscard]] int lxc_library_open(const char *id, const char *lxcpath,
				   struct lxc_container **ret_container, struct lxcri_error *err);

/* Lets the command socket lie in the container's run directory @run_dir. To be called before liblxc
 * is loaded, and once; the file goes with the directory. LXCRI_E_SYSTEM. */
[[nodiscard]] int lxc_command_socket_place(const char *run_dir, struct lxcri_error *err);
