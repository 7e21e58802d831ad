/* SPDX-License-Identifier: MIT */
#pragma once

/* Sets of capabilities by name. */

#include "base/fail.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

/* Bit n is capability number n. */
typedef uint64_t capability_set;

/* Reads "NET_ADMIN" or "CAP_NET_ADMIN" in either case. Returns its number, or -EINVAL. */
[[nodiscard]] int capability_parse(const char *name);

/* Returns what a container has when nothing else is asked for (docker's fourteen), changed by
 * @drop and @add (lists ended by NULL; either may be NULL): without ALL in @add what is dropped
 * goes first and what is added comes on top; ALL adds everything that this process could pass on,
 * less what is dropped. An unknown name, or one that this process cannot pass on, is
 * LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int capability_choose(const char *const *add, const char *const *drop,
				    capability_set *ret_set, struct lxcri_error *err);

/* Tells whether @set has the capability @name ("CAP_SYS_ADMIN"). */
bool capability_has(capability_set set, const char *name);

/* Returns the names in @set as a JSON array owned by the caller. */
[[nodiscard]] struct json_object *capability_format(capability_set set);
