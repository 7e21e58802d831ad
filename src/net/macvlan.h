/* SPDX-License-Identifier: MIT */
#pragma once

/* Interfaces of containers that share one of the host's. */

#include "net/link.h"

struct macvlan {
	unsigned int parent; /* its index on the host */
	uint32_t mode;       /* MACVLAN_MODE_* */
	const char *name;    /* in the container */
	int netns;
	unsigned char mac[LINK_MAC_BYTES];
};

/* Makes the interface in the container's namespace, switched off. LXCRI_E_CONFIGURATION_FAILED. */
[[nodiscard]] int macvlan_create(struct netlink *route, const struct macvlan *macvlan,
				 struct lxcri_error *err);
