/* SPDX-License-Identifier: MIT */
#pragma once

/* liblxc, loaded at run time: 5.0 to 6.x. */

#include "base/fail.h"

#include <lxc/lxccontainer.h>

/* Loads liblxc and returns its version, which lives as long as the process; NULL, with @err filled
 * as by lxc_library_open(), where it can't be used. */
const char *lxc_library_version(struct lxcri_error *err);

/* Loads liblxc and returns a new handle of the container @id below @lxcpath, which is released when
 * the process ends. LXCRI_E_RUNTIME_NOT_FOUND without the library, LXCRI_E_RUNTIME_INIT_FAILED when
 * its version is none of 5.0 to 6.x or it refuses. */
[[nodiscard]] int lxc_library_open(const char *id, const char *lxcpath,
				   struct lxc_container **ret_container, struct lxcri_error *err);
