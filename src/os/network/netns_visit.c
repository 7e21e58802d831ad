/* SPDX-License-Identifier: MIT */
/* Doing one thing in another network namespace. */

#include "os/network/netns_visit.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define RETURN_TRIES 3

int netns_visit(int netns, netns_visit_fn visit, void *userdata)
{
	static const char lost[] = "cannot return to the host's network namespace\n";
	autoclose int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int r;

	if (own < 0 || setns(netns, CLONE_NEWNET) < 0)
		return -errno;
	r = visit(userdata);
	for (int tries = 0; setns(own, CLONE_NEWNET) < 0; tries++) {
		if (tries < RETURN_TRIES)
			continue;
		(void)!write(STDERR_FILENO, lost, sizeof(lost) - 1);
		abort();
	}
	return r;
}
