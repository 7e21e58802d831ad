/* SPDX-License-Identifier: MIT */
#pragma once

/* The verbs of a verb, as in "image list". */

#include "cli/cli.h"

#define SUBVERB_OWNERS_MAX 12

/* The first member of an entry in a table of such verbs. */
struct subverb {
	const char *name;
	const char *alias; /* or NULL */
};

/* Finds the entry called @word in the table @first of @count entries, @size bytes each. Returns its
 * index, or -1 with LXCRI_E_INVALID_ARGUMENT, which names the nearest. */
[[nodiscard]] int subverb_find(const struct cli *cli, const char *word, const struct subverb *first,
			       size_t count, size_t size, struct lxcri_error *err);

/* An option that not all of them have. */
struct subverb_option {
	bool given;
	const char *option;
	const char *owners[SUBVERB_OWNERS_MAX];
};

/* Refuses what is given and @name has not: who mistakes "tag --quiet" means something. */
[[nodiscard]] int subverb_check_options(const struct cli *cli, const char *name,
					const struct subverb_option *options, size_t count,
					struct lxcri_error *err);
