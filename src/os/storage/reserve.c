/* SPDX-License-Identifier: MIT */

#include "os/storage/reserve.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>

int reserve_room(const char *dir, uint64_t bytes)
{
	autoclose int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0) /* as old kernels say it, and file systems that have no such files */
		return errno == EISDIR || errno == EINVAL ? -EOPNOTSUPP : -errno;
	if (fallocate(fd, 0, 0, (off_t)bytes) < 0)
		return errno == ENOSYS ? -EOPNOTSUPP : -errno;
	return steal_fd(&fd);
}
