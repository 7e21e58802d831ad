/* SPDX-License-Identifier: MIT */
/* Network namespaces. */

#include "os/network/netns.h"

#include "base/scope.h"
#include "os/network/netlink.h"
#include "os/network/netns_visit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define OWN "/proc/thread-self/ns/net"

int netns_open(pid_t pid)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int netns_is_own(int netns)
{
	struct stat theirs;
	struct stat own;

	if (fstat(netns, &theirs) < 0 || stat(OWN, &own) < 0)
		return -errno;
	return theirs.st_dev == own.st_dev && theirs.st_ino == own.st_ino;
}

/* What a visit opens. */
struct opening {
	int protocol;
	struct netlink **ret;
};

static int open_there(void *userdata)
{
	const struct opening *opening = userdata;

	return netlink_open(opening->protocol, opening->ret);
}

int netns_open_netlink(int netns, int protocol, struct netlink **ret)
{
	struct opening opening = { protocol, ret };

	return netns_visit(netns, open_there, &opening);
}

int netns_lock(void)
{
	autoclose int fd = open(OWN, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	do {
		r = flock(fd, LOCK_EX);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : steal_fd(&fd);
}
