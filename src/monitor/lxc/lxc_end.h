/* SPDX-License-Identifier: MIT */
#pragma once

/* The end of an LXC container, as the process that sits in liblxc's start() learns of it. */

/* From here on this process ends with the exit code of the container's first process, as soon as
 * that has ended. To be called before liblxc's start(). */
void lxc_end_at_once(void);
