/* SPDX-License-Identifier: MIT */
/* Which release of the protocol brought which message. */

#include "runtime/wire.h"

const uint16_t wire_version = 3;

uint16_t wire_version_of(enum wire_type type)
{
	switch (type) {
	case WIRE_LEASE:
		return 2;
	case WIRE_LEASE_END:
		return 3;
	default:
		return 1;
	}
}
