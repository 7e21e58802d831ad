/* SPDX-License-Identifier: MIT */
#pragma once

/* Members that several documents have. */

#include "base/json.h"

/* Adds @ns (since the epoch) as RFC 3339 in UTC; 0 adds nothing. */
void inspect_add_time(struct json_object *object, const char *key, int64_t ns);
