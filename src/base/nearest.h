/* SPDX-License-Identifier: MIT */
#pragma once

/* "Did you mean": the candidate that is fewest typing mistakes away from a word. */

#include <stddef.h>

struct nearest {
	const char *word;
	const char *best; /* borrowed from who offered it; NULL while none is near enough */
	size_t mistakes;  /* of the best */
};

/* Returns a search for what @word (borrowed) may have meant. */
struct nearest nearest_to(const char *word);

/* Offers a candidate. It is kept when it is nearer than all before, and at most a third of the
 * word, rounded up, is mistaken. */
void nearest_offer(struct nearest *nearest, const char *candidate);

/* Returns the number of insertions, deletions, replacements and swaps of neighbours that turn @a
 * into @b; texts of more than 63 bytes count as unlike. */
size_t nearest_distance(const char *a, const char *b);
