/* SPDX-License-Identifier: MIT */
/* Files as block devices. */

#include "os/loop.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* Others may take the device that was free between asking and taking. */
#define ATTEMPTS 64

int loop_attach(int fd, char path[LOOP_PATH_MAX])
{
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	const struct loop_config config = { .fd = (uint32_t)fd,
					    .block_size = 512,
					    .info.lo_flags = LO_FLAGS_AUTOCLEAR };

	if (control < 0)
		return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
	for (int i = 0; i < ATTEMPTS; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		if (number < 0)
			return -errno;
		(void)snprintf(path, LOOP_PATH_MAX, "/dev/loop%d", number);

		autoclose int loop = open(path, O_RDWR | O_CLOEXEC);

		if (loop < 0)
			return -errno;
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return steal_fd(&loop);
		if (errno != EBUSY)
			return -errno;
	}
	return -EBUSY;
}
