/* SPDX-License-Identifier: MIT */
#pragma once

/* A growing array of owned strings, kept ended by NULL so that `items` can be an argv. */

#include <stdbool.h>
#include <stddef.h>

/* Zeroed is empty; `items` is NULL or ended by a NULL that `count` does not count. */
struct strings {
	char **items;
	size_t count;
};

/* Appends a copy of @string. */
void strings_add(struct strings *strings, const char *string);

/* Appends @string itself, which @strings owns from here on. */
void strings_add_consume(struct strings *strings, char *string);

/* Appends the formatted string. */
[[gnu::format(printf, 2, 3)]] void strings_addf(struct strings *strings, const char *format, ...);

/* Appends copies of all that @from has. */
void strings_add_all(struct strings *strings, const struct strings *from);

/* Tells whether an item equals @string. */
bool strings_has(const struct strings *strings, const char *string);

/* Sets the item "NAME=..." of an environment to @assignment ("NAME=VALUE"), or appends it. */
void strings_set_env(struct strings *strings, const char *assignment);

/* Returns the value of NAME in an environment, borrowed, or NULL. */
const char *strings_get_env(const struct strings *strings, const char *name);

/* Frees all items and empties @strings. Safe to repeat. */
void strings_finish(struct strings *strings);
