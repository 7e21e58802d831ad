/* SPDX-License-Identifier: MIT */
/* A growing array of owned strings. */

#include "base/strings.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strings_add_consume(struct strings *strings, char *string)
{
	/* The array grows at powers of two, which the count alone tells: no capacity is kept. */
	if ((strings->count & (strings->count + 1)) == 0)
		strings->items = xreallocarray(strings->items, 2 * (strings->count + 1),
					       sizeof(*strings->items));
	strings->items[strings->count++] = string;
	strings->items[strings->count] = NULL;
}

void strings_add(struct strings *strings, const char *string)
{
	strings_add_consume(strings, xstrdup(string));
}

void strings_addf(struct strings *strings, const char *format, ...)
{
	va_list args;
	char *string;

	va_start(args, format);
	if (vasprintf(&string, format, args) < 0)
		abort();
	va_end(args);
	strings_add_consume(strings, string);
}

void strings_add_all(struct strings *strings, const struct strings *from)
{
	for (size_t i = 0; i < from->count; i++)
		strings_add(strings, from->items[i]);
}

bool strings_has(const struct strings *strings, const char *string)
{
	for (size_t i = 0; i < strings->count; i++)
		if (strcmp(strings->items[i], string) == 0)
			return true;
	return false;
}

/* Returns the length of NAME and its "=" at the start of @assignment. */
static size_t name_length(const char *assignment)
{
	size_t length = strcspn(assignment, "=");

	return assignment[length] ? length + 1 : length;
}

void strings_set_env(struct strings *strings, const char *assignment)
{
	size_t length = name_length(assignment);

	for (size_t i = 0; i < strings->count; i++) {
		if (strncmp(strings->items[i], assignment, length) != 0)
			continue;
		free(strings->items[i]);
		strings->items[i] = xstrdup(assignment);
		return;
	}
	strings_add(strings, assignment);
}

const char *strings_get_env(const struct strings *strings, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < strings->count; i++)
		if (strncmp(strings->items[i], name, length) == 0 &&
		    strings->items[i][length] == '=')
			return strings->items[i] + length + 1;
	return NULL;
}

void strings_finish(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
	*strings = (struct strings){};
}
