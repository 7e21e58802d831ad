/* SPDX-License-Identifier: MIT */
/* Distance of two words in typing mistakes (optimal string alignment). */

#include "base/nearest.h"

#include <string.h>

#define WORD_MAX 63

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t nearest_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t length_a = strlen(a), length_b = strlen(b);

	if (length_a > WORD_MAX || length_b > WORD_MAX)
		return strcmp(a, b) == 0 ? 0 : WORD_MAX;
	for (size_t j = 0; j <= length_b; j++)
		above[j] = j;
	for (size_t i = 1; i <= length_a; i++) {
		row[0] = i;
		for (size_t j = 1; j <= length_b; j++) {
			row[j] = smaller(above[j] + 1, row[j - 1] + 1);
			row[j] = smaller(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], before[j - 2] + 1);
		}

		size_t *free_row = before;

		before = above;
		above = row;
		row = free_row;
	}
	return above[length_b];
}

struct nearest nearest_to(const char *word)
{
	return (struct nearest){ .word = word, .mistakes = (strlen(word) + 2) / 3 + 1 };
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t mistakes = nearest_distance(nearest->word, candidate);

	if (mistakes < nearest->mistakes) {
		nearest->best = candidate;
		nearest->mistakes = mistakes;
	}
}
