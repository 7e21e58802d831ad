/* SPDX-License-Identifier: MIT */
/* Which release of the protocol brought which message. */

#include "runtime/wire.h"

const uint16_t wire_version = 2;

uint16_t wire_version_of(enum wire_type type)
{
	return type == WIRE_LEASE ? 2 : 1;
}
