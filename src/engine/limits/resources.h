/* SPDX-License-Identifier: MIT */
#pragma once

/* The linux.resources of a runtime specification as JSON, which an update is laid over. */

#include "base/json.h"

/* Parses and validates @json. LXCRI_E_INVALID_JSON, or LXCRI_E_INVALID_SPEC naming the field. The
 * caller owns *@ret. */
[[nodiscard]] int resources_parse(const char *json, struct json_object **ret,
				  struct lxcri_error *err);

/* Lays @patch over @base: a number of 0 where that has always meant "not given" changes nothing,
 * nor does an empty text; an entry of a list takes the place of the one for the same device, size
 * or name. */
void resources_merge(struct json_object *base, struct json_object *patch);
