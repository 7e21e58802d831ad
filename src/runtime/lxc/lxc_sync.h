/* SPDX-License-Identifier: MIT */
#pragma once

/* What passes between a pod's monitor and a container's first process while it is set up, and how
 * lxcri-lxc reports that it could not even get that far. Both hold the other end of one
 * SOCK_SEQPACKET pair; a message is a struct lxc_sync. */

#include "lxcri/error.h"

#include <stdint.h>

enum lxc_sync_type {
	LXC_SYNC_FAILED = 1, /* to the monitor: `error` */
	LXC_SYNC_HOOKS,      /* to the monitor: the namespaces exist, run the hooks now */
	LXC_SYNC_GO_ON,      /* the answer */
	LXC_SYNC_CREATED,    /* to the monitor: all is set up, the user's process may be released */
	LXC_SYNC_RELEASE, /* to the shim, with the writing end of a pipe: run the user's process */
	LXC_SYNC_EXEC, /* on that pipe: exec is next; its end of file without a failure is success
			*/
	LXC_SYNC_PID,  /* to the monitor: a further process is `pid` */
};

struct lxc_sync {
	uint32_t type;
	int32_t pid;
	struct lxcri_error error;
};
