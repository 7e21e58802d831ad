/* SPDX-License-Identifier: MIT */
/* Network namespaces. */

#include "os/network/netns.h"

#include "base/log.h"
#include "os/network/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define RETURN_TRIES 3

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

int netns_open_netlink(int netns, int protocol, struct netlink **ret)
{
	autoclose int own = open(OWN, O_RDONLY | O_CLOEXEC);
	int r;

	if (own < 0 || setns(netns, CLONE_NEWNET) < 0)
		return -errno;
	r = netlink_open(protocol, ret);
	for (int tries = 0; setns(own, CLONE_NEWNET) < 0; tries++) {
		if (tries < RETURN_TRIES)
			continue;
		/* Whatever came next would be done to the wrong host. */
		log_error("cannot return to the host's network namespace");
		abort();
	}
	return r;
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
