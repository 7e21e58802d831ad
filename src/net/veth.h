/* SPDX-License-Identifier: MIT */
#pragma once

/* Pairs of interfaces whose other end is born in a container. */

#include "net/link.h"

/* A pair of interfaces, one here and one in a container. */
struct veth {
	const char *name;      /* here */
	const char *peer_name; /* there */
	int netns;
	unsigned char mac[LINK_MAC_BYTES];     /* there */
	unsigned char own_mac[LINK_MAC_BYTES]; /* here; zeroes: chosen by the kernel */
	uint32_t mtu;
	unsigned int bridge; /* its index */
	bool isolated;       /* it cannot reach other isolated ports of the bridge */
	bool hairpin;        /* what comes out of it may go back into it */
};

/* Makes the pair with one message, this end up and in the bridge, the other one to be switched on.
 * Returns 1, or 0 when the name is taken here. */
[[nodiscard]] int veth_create(struct netlink *route, const struct veth *veth,
			      struct lxcri_error *err);

/* Gives the interface @link, which is this end of a pair, what @veth says of it, where somebody has
 * changed it: its name, being up, its bridge, its isolation. */
[[nodiscard]] int veth_repair(struct netlink *route, const struct link *link,
			      const struct veth *veth, struct lxcri_error *err);

/* Sets whether the port called @name can reach other isolated ports of its bridge. */
[[nodiscard]] int veth_set_isolation(struct netlink *route, const char *name, bool isolated,
				     struct lxcri_error *err);
