/* SPDX-License-Identifier: MIT */
#pragma once

/* Rules of others that stand in the way. They are read, and never changed. */

#include "base/fail.h"

/* A chain that drops what is passed on between interfaces unless a rule of it says otherwise. Texts
 * last for the call. */
struct firewall_barrier {
	const char *family; /* "ip", "ip6" or "inet" */
	const char *table;
	const char *chain;
};

typedef void (*firewall_fn)(void *userdata, const struct firewall_barrier *barrier);

/* Calls @each for every such chain of nftables, which iptables writes into as well, in whose table
 * no rule speaks of the interface @bridge; @own is the table that is not looked at. Returns how
 * many there are, or < 0. */
[[nodiscard]] int firewall_find(const char *own, const char *bridge, firewall_fn each,
				void *userdata, struct lxcri_error *err);
