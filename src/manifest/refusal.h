/* SPDX-License-Identifier: MIT */
#pragma once

/* Fields that what is to run an object has nothing for, though others have. */

#include "manifest/field.h"

struct refusal {
	/* "containers[].ports[].hostPort", "containers[1]" for that member of a list alone; with
	 * "=WORD" behind it what has that value alone. NULL ends a table. */
	const char *path;
	const char *why;
};

/* Looks below @node, which is called @place in messages, for what @table names; a field that says
 * nothing (false, 0, empty) is fine. LXCRI_E_UNSUPPORTED_OPERATION with file, line, path and why.
 */
[[nodiscard]] int refusal_check(const struct field_reader *reader, const struct yaml_node *node,
				const char *place, const struct refusal *table);
