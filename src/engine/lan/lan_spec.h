/* SPDX-License-Identifier: MIT */
#pragma once

/* A place on the LAN, as it is asked for: "bridge:NAME" or "macvlan:NAME", and behind commas what
 * the interface is to have. */

#include "net/link.h"

enum lan_kind {
	LAN_BRIDGE,  /* a port on a bridge that is there */
	LAN_MACVLAN, /* an interface that shares one of the host's */
};

struct lan_spec {
	enum lan_kind kind;
	char parent[IFNAMSIZ];       /* on the host */
	unsigned int vlan;           /* of a port on a bridge; 0: the bridge's usual one */
	uint32_t mode;               /* of macvlan: MACVLAN_MODE_* */
	bool dhcp;                   /* asks for its address of IPv4 */
	bool antispoof;              /* only what has its own addresses comes out of it */
	struct address addresses[2]; /* family 0: none */
	unsigned int prefixes[2];
	struct address gateways[2];
	unsigned char mac[LINK_MAC_BYTES]; /* zeroes: chosen */
};

/* Tells whether a network of that name is a place on the LAN. */
bool lan_spec_is(const char *network);

/* Reads @text. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int lan_spec_parse(const char *text, struct lan_spec *ret, struct lxcri_error *err);

/* Returns the word of @kind, as the text begins with. */
const char *lan_kind_name(enum lan_kind kind);
