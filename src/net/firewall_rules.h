/* SPDX-License-Identifier: MIT */
#pragma once

/* The rules of one table of nftables, as far as they tell what becomes of a packet that none speaks
 * of. */

#include "os/network/netlink.h"

#include <stdbool.h>

/* A name of a table or a chain, with its end. */
#define FIREWALL_NAME_MAX 256

/* Adds a request for all messages of @type (NFT_MSG_GET*) of @family. */
struct nlmsghdr *firewall_add_dump(struct netlink *netfilter, uint16_t type, uint8_t family);

struct firewall_rule;

/* Zeroed is none. */
struct firewall_rules {
	struct firewall_rule *items;
	size_t count;
	const char *bridge; /* that is looked for, borrowed */
};

/* Reads the rules of @table that decide about every packet, and those that speak of the interface
 * @bridge. 0 or -errno. */
[[nodiscard]] int firewall_rules_read(struct netlink *netfilter, uint8_t family, const char *table,
				      const char *bridge, struct firewall_rules *ret);

/* Returns NF_DROP or NF_ACCEPT where a rule without a condition decides in @chain or where that
 * sends everything, or -1 where it is left to the policy. */
int firewall_rules_verdict(const struct firewall_rules *rules, const char *chain);

/* Tells whether a rule of @chain, or of one that it sends everything through, speaks of the bridge.
 */
bool firewall_rules_mention(const struct firewall_rules *rules, const char *chain);

/* Frees what @rules holds. Safe to repeat. */
void firewall_rules_finish(struct firewall_rules *rules);
