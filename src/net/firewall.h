/* SPDX-License-Identifier: MIT */
#pragma once

/* Rules of others that stand in the way. They are read, and never changed. */

#include "base/fail.h"

#include <stdbool.h>

/* A chain that drops what no rule of it speaks of, by its policy or by a last rule. Texts last for
 * the call. */
struct firewall_barrier {
	bool is_input;      /* what comes to the host, else what is passed on between interfaces */
	const char *family; /* "ip", "ip6" or "inet" */
	const char *table;
	const char *chain;
};

typedef void (*firewall_fn)(void *userdata, const struct firewall_barrier *barrier);

/* Calls @each for every such chain of nftables, which iptables writes into as well, of whose rules
 * none speaks of the interface @bridge; @own is the table that is not looked at. Returns how many
 * there are, or < 0. */
[[nodiscard]] int firewall_find(const char *own, const char *bridge, firewall_fn each,
				void *userdata, struct lxcri_error *err);
