/* SPDX-License-Identifier: MIT */
#pragma once

/* What was applied, and the pods that there are, as `get` shows them. */

#include "cli/cli.h"

struct object_table {
	const char *kind;       /* NULL: all */
	const char *name_space; /* NULL: all */
	const char *name;       /* NULL: any */
	const char *output;     /* NULL, "wide" or "name" */
	bool watch;             /* go on with rows that change */
};

/* Tells whether @output is one of those. */
bool object_table_is_for(const char *output);

/* Prints it. LXCRI_E_OBJECT_NOT_FOUND for a name that nothing has. */
[[nodiscard]] int object_table_print(struct cli *cli, const struct object_table *wanted,
				     struct lxcri_error *err);
