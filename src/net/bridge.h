/* SPDX-License-Identifier: MIT */
#pragma once

/* Bridges of our own: each has an alias that says whose it is, and is in the group LINK_GROUP. None
 * that somebody else made is ever changed or removed. */

#include "net/link.h"

struct bridge {
	const char *name;
	const char *alias;                 /* whose it is */
	unsigned char mac[LINK_MAC_BYTES]; /* the same for ever: neighbours remember it */
	uint32_t mtu;
	unsigned int vlan; /* of untagged frames; 0: as the kernel has it */
	bool stp;
	bool vlan_filtering;
	bool multicast_snooping;
	struct address gateways[2]; /* its own addresses; family 0: none */
	unsigned int prefixes[2];
	struct subnet services[2]; /* led to it, so that the host finds a way; family 0: none */
};

/* Makes the bridge, or what is missing of it: settings, addresses, being up. One that is as it
 * should be stays untouched. LXCRI_E_BRIDGE_CREATION_FAILED, also when something of that name is
 * not ours; LXCRI_E_CONFIGURATION_FAILED when the kernel has not a setting that is asked for, and
 * names it. */
[[nodiscard]] int bridge_ensure(struct netlink *route, const struct bridge *bridge,
				unsigned int *ret_index, struct lxcri_error *err);

/* Gives the interface @index the name @name, and switches it on. */
[[nodiscard]] int bridge_rename(struct netlink *route, unsigned int index, const char *name,
				struct lxcri_error *err);

/* Removes the bridge @name if it is there and bears @alias. Its ports lose their master. */
[[nodiscard]] int bridge_remove(struct netlink *route, const char *name, const char *alias,
				struct lxcri_error *err);

/* Tells whether @link is a bridge that bears @alias. One that bears none yet is of a command that
 * was killed. */
bool bridge_is_ours(const struct link *link, const char *alias);

/* Sets what can be switched while the bridge is in use. Errors as bridge_ensure(). */
[[nodiscard]] int bridge_configure(struct netlink *route, unsigned int index,
				   const struct bridge *bridge, struct lxcri_error *err);
