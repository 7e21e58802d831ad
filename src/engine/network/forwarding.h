/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether the host passes packets on between its interfaces. */

#include "base/fail.h"

#include <stdbool.h>

/* Tells whether what a bridge passes on goes through the rules of IP as well, as other engines have
 * it. Then a published port leads back to its own container within the bridge. */
bool forwarding_is_bridged(void);

/* Makes the host forward IPv4, and with @with_ipv6 IPv6, where it does not yet, and says so: the
 * only settings of the host that are ever changed. An uplink that gets its address by router
 * advertisements keeps doing so. LXCRI_E_CONFIGURATION_FAILED where it may not be set. */
[[nodiscard]] int forwarding_enable(bool with_ipv6, struct lxcri_error *err);
