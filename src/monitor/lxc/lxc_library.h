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
