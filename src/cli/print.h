/* SPDX-License-Identifier: MIT */
#pragma once

/* What the command writes for people: tables, times, and text that cannot play with a terminal. */

#include "base/json.h"
#include "base/strings.h"

#include <stdint.h>
#include <stdio.h>

/* A table whose columns are as wide as their widest cell. Zeroed is empty; the first row is the
 * heading. */
struct print_table {
	size_t columns;
	struct strings cells; /* row by row */
	bool is_borrowed;     /* the cells are somebody else's, only their list is the table's */
};

/* Writes @table, with the control characters of its cells replaced, and empties it. */
void print_table_finish(struct print_table *table, FILE *out);

/* Returns @text with each control character replaced by a space, owned by the caller. */
[[nodiscard]] char *print_clean(const char *text);

/* Returns a length of time in its largest unit, "3 minutes", "1 second"; owned by the caller. */
[[nodiscard]] char *print_duration(int64_t duration_ns);

/* Returns a number of bytes in its largest unit of 1000, "1.23MB"; owned by the caller. */
[[nodiscard]] char *print_size(uint64_t bytes);

/* The same in units of 1024, "1.23MiB". */
[[nodiscard]] char *print_binary_size(uint64_t bytes);

/* Writes @value as indented JSON. */
void print_json(struct json_object *value, FILE *out);

/* Reads the value of --format: 1 for json, 0 for a table (NULL included); anything else is
 * LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int print_wants_json(const char *format, struct lxcri_error *err);
