/* SPDX-License-Identifier: MIT */
#pragma once

/* The routes of the host, and what an interface in a container gets. */

#include "net/link.h"

/* Calls @each for every route of the main table that leads to a subnet, and the index of the
 * interface it goes through (0 when it is not one). */
[[nodiscard]] int route_each(struct netlink *route,
			     void (*each)(void *userdata, const struct subnet *subnet,
					  unsigned int interface),
			     void *userdata, struct lxcri_error *err);

/* Reads one message about a route. 0, -EBADMSG, or -ENOENT when it tells of none that counts. */
[[nodiscard]] int route_read(const struct nlmsghdr *message, struct subnet *ret_subnet,
			     unsigned int *ret_interface);

/* What an interface in a container is to have. Addresses of family 0 are none. */
struct interface {
	const char *name;
	struct address addresses[2];
	unsigned int prefixes[2];
	struct address gateways[2]; /* of the default routes; none without */
	struct subnet subnets[2];   /* that lie behind `ways`; family 0: none */
	struct address ways[2];
};

/* Gives an interface that is up its addresses and routes, and switches the loopback on. @route is a
 * socket in the container's namespace. What is there already stays. */
[[nodiscard]] int route_configure(struct netlink *route, const struct interface *interface,
				  struct lxcri_error *err);
