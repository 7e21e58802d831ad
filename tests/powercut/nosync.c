/* SPDX-License-Identifier: MIT */
/* Loaded into a program, lets nothing of what it writes be waited for: what the tests must find. */

#include <fcntl.h>
#include <unistd.h>

#pragma GCC visibility push(default)

int fsync(int fd)
{
	return 0;
}

int fdatasync(int fd)
{
	return 0;
}

int syncfs(int fd)
{
	return 0;
}

int sync_file_range(int fd, off_t offset, off_t size, unsigned int flags)
{
	return 0;
}
