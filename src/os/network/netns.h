/* SPDX-License-Identifier: MIT */
#pragma once

/* Network namespaces. */

#include <stdbool.h>
#include <sys/types.h>

struct netlink;

/* Opens the network namespace of the process @pid. Returns a descriptor or -errno. */
[[nodiscard]] int netns_open(pid_t pid);

/* Tells whether @netns is the calling thread's own: 1 or 0, or -errno. */
[[nodiscard]] int netns_is_own(int netns);

/* Opens a netlink socket of @protocol in @netns; the calling thread stays where it is. The caller
 * owns *@ret. Returns 0 or -errno. */
[[nodiscard]] int netns_open_netlink(int netns, int protocol, struct netlink **ret);

/* Waits for the lock that the calling thread's network namespace has, whatever file systems others
 * in it see. It is given back by closing the descriptor that is returned; or -errno. */
[[nodiscard]] int netns_lock(void);
