/* SPDX-License-Identifier: MIT */
#pragma once

/* A small process beside the monitor that lets the container end with it: what nobody supervises
 * any more shall not go on writing to volumes that others use. */

#include <sys/types.h>

/* Starts the guard of the container whose first process is @init. It ends when that process does,
 * or kills it when the calling process is gone. 0 or -errno. */
[[nodiscard]] int guard_start(pid_t init);
