/* SPDX-License-Identifier: MIT */
#pragma once

/* What is missing of a blob that is fetched in several pieces at once. As long as that is more than
 * its end, it is written behind the place where the blob will end, as a table that goes when the
 * blob is whole; so whoever is killed leaves a file that tells what is in it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pieces on their way at a time, and so, together with what nobody has begun, the most gaps. */
#define GAPS_TAKEN_MAX 16
#define GAPS_MAX       (GAPS_TAKEN_MAX + 1)

struct gap {
	uint64_t at;  /* the first byte that is missing */
	uint64_t end; /* the first behind it that is not, or is nobody's */
	bool is_taken;
};

/* In their order, apart from each other, none empty. Zeroed is nothing missing. */
struct gaps {
	struct gap items[GAPS_MAX];
	size_t count;
};

/* Makes all between @at and @size what is missing. */
void gaps_init(struct gaps *gaps, uint64_t at, uint64_t size);

/* Returns how many bytes are missing. */
uint64_t gaps_missing(const struct gaps *gaps);

/* Returns how many bytes of a blob of @size bytes are there from its start. */
uint64_t gaps_prefix(const struct gaps *gaps, uint64_t size);

/* Takes the first gap that nobody has; of a longer one than @most a piece of that size. Returns it,
 * valid until the next change, or NULL where there is none or as many are taken as may be. */
const struct gap *gaps_take(struct gaps *gaps, uint64_t most);

/* Takes all there are. */
void gaps_take_all(struct gaps *gaps);

/* Gives back all that was taken. */
void gaps_give_all(struct gaps *gaps);

/* Tells whether gaps_take() would find one. */
bool gaps_has_free(const struct gaps *gaps);

/* Finds the first stretch that is missing of the @size bytes from @at. Returns its size, or 0. */
size_t gaps_find(const struct gaps *gaps, uint64_t at, size_t size, uint64_t *ret_at);

/* Notes that @size bytes from @at, as gaps_find() found them, are there. */
void gaps_fill(struct gaps *gaps, uint64_t at, size_t size);

/* The table as it is written. */
struct gaps_table {
	char magic[16];
	uint64_t size; /* of the blob */
	uint64_t count;
	uint64_t bounds[GAPS_MAX][2];
};

/* Fills in the table of @gaps for a blob of @size bytes. */
void gaps_format(const struct gaps *gaps, uint64_t size, struct gaps_table *ret);

/* Reads a table for a blob of @size bytes, of which nothing is taken. Returns 0, or -EINVAL for
 * what is none. */
[[nodiscard]] int gaps_parse(const struct gaps_table *table, uint64_t size, struct gaps *ret);
