/* SPDX-License-Identifier: MIT */
#pragma once

/* FNV-1a of 64 bits: a sum that tells things apart which nobody made alike on purpose. */

#include <stdint.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)

/* Returns the sum of what @sum stands for and @value behind it; the first is FNV_START. */
static inline uint64_t fnv_add(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * UINT64_C(0x100000001b3);
}
