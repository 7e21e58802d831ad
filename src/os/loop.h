/* SPDX-License-Identifier: MIT */
#pragma once

/* Files as block devices. */

#define LOOP_PATH_MAX 32

/* Makes the open file @fd, which is borrowed, the content of a free loop device, which is let go
 * when the last user of it is: nothing remains of it after whoever holds it ends, whatever way. Its
 * path is written to @path. Returns a descriptor that keeps it, or -errno (-ENODEV where the kernel
 * has no loop devices). */
[[nodiscard]] int loop_attach(int fd, char path[LOOP_PATH_MAX]);
