/* SPDX-License-Identifier: MIT */
#pragma once

/* The verbs of "network": what they share. */

#include "base/strings.h"
#include "cli/cli.h"

struct network_verb_options {
	const char *format;
	const char *subnet;
	const char *subnet6;
	const char *deployment;
	const char *ip;
	const char *ip6;
	const char *mac_address;
	int mtu;
	int vlan;
	bool stp;
	bool no_ipv6;
	bool isolate_ports;
	bool vlan_filtering;
	bool quiet;
	bool publish_not_ready;
	bool replace;
	const char *space;
	struct strings ports;
	struct strings aliases;
};

/* network service VERB ...: @words is ended by NULL. */
[[nodiscard]] int network_service(struct cli *cli, const struct network_verb_options *options,
				  char **words, struct lxcri_error *err);
