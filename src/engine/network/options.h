/* SPDX-License-Identifier: MIT */
#pragma once

/* What a network is like; in its row as JSON. */

#include "base/fail.h"

#include <stdbool.h>
#include <stdint.h>

#define NETWORK_MTU_MIN  1280 /* of IPv6 */
#define NETWORK_MTU_MAX  65535
#define NETWORK_VLAN_MAX 4094

struct network_options {
	uint32_t mtu;
	unsigned int vlan; /* of untagged frames; 0: none */
	bool stp;
	bool vlan_filtering;
	bool multicast_snooping;
	bool isolate_ports; /* its containers do not reach each other */
	bool may_spoof;     /* a container may send with addresses that are not its own */
	bool implicit;      /* nobody made it by name: the bridge goes with the last container */
};

/* Those of a network for which nobody asked for anything. */
struct network_options network_options_default(uint32_t mtu);

/* Returns @options as JSON; owned by the caller. */
[[nodiscard]] char *network_options_format(const struct network_options *options);

/* Reads what network_options_format() wrote; what is missing is as by default. Damage is
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int network_options_parse(const char *json, struct network_options *ret,
					struct lxcri_error *err);
