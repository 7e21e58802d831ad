/* SPDX-License-Identifier: MIT */
#pragma once

/* The VLAN of a port of a bridge that filters VLANs. */

#include "net/link.h"

#define VLAN_MAX 4094

/* Puts the port @index into @vlan alone, whose frames come and go untagged, and out of @usual, the
 * one that the bridge puts every port into (0: none). LXCRI_E_CONFIGURATION_FAILED. */
[[nodiscard]] int vlan_set(struct netlink *route, unsigned int index, unsigned int vlan,
			   unsigned int usual, struct lxcri_error *err);
