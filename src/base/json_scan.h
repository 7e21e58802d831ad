/* SPDX-License-Identifier: MIT */
#pragma once

/* One walk over the bytes of a JSON document (RFC 8259) that builds nothing: it checks the grammar,
 * the limits and that no object repeats a key, and it can tell on which line a value begins. */

#include "base/json.h"

/* Walks the whole document. Fails with LXCRI_E_INVALID_JSON, naming line and column, or with
 * LXCRI_E_LIMIT_EXCEEDED. */
[[nodiscard]] int json_scan_check(const char *bytes, size_t size, const struct json_limits *limits,
				  struct lxcri_error *err);
