/* SPDX-License-Identifier: MIT */
/* Tables, times and clean text. */

#include "cli/print.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/text.h"

#include <string.h>

#define COLUMN_GAP 2

/* Counts characters, not bytes, of UTF-8. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_spaces(size_t n, FILE *out)
{
	for (; n > 0; n--)
		(void)putc(' ', out);
}

void print_table_finish(struct print_table *table, FILE *out)
{
	autofree size_t *widths = xcalloc(table->columns, sizeof(*widths));

	for (size_t i = 0; i < table->cells.count; i++) {
		size_t w = width(table->cells.items[i]);

		if (w > widths[i % table->columns])
			widths[i % table->columns] = w;
	}
	for (size_t i = 0; i < table->cells.count; i++) {
		autofree char *cell = print_clean(table->cells.items[i]);
		size_t column = i % table->columns;

		(void)fputs(cell, out);
		if (column + 1 == table->columns)
			(void)putc('\n', out);
		else
			print_spaces(widths[column] - width(cell) + COLUMN_GAP, out);
	}
	if (table->is_borrowed)
		table->cells.count = 0;
	strings_finish(&table->cells);
}

char *print_clean(const char *text)
{
	char *clean = xstrdup(text);

	text_mask_controls(clean, ' ');
	return clean;
}

char *print_duration(int64_t duration_ns)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {
		{ 365 * 24 * 3600, "year" },
		{ 30 * 24 * 3600, "month" },
		{ 7 * 24 * 3600, "week" },
		{ 24 * 3600, "day" },
		{ 3600, "hour" },
		{ 60, "minute" },
		{ 1, "second" },
	};
	int64_t seconds = duration_ns > 0 ? duration_ns / NS_IN_SECOND : 0;
	size_t i = 0;

	/* From two of a unit on: "90 minutes" says more than "1 hour". */
	while (i + 1 < ARRAY_LEN(units) && seconds < 2 * units[i].seconds)
		i++;

	int64_t n = seconds / units[i].seconds;

	return xformat("%lld %s%s", (long long)n, units[i].name, n == 1 ? "" : "s");
}

/* Returns a number of bytes in its largest unit of @units, each @step times the one before. */
static char *format_size(uint64_t bytes, double step, const char *units, const char *suffix)
{
	double size = (double)bytes;

	if (size < step)
		return xformat("%uB", (unsigned int)bytes);
	for (size /= step; size >= 999.5 && units[1]; units++)
		size /= step;
	return xformat("%.3g%c%s", size, *units, suffix);
}

char *print_size(uint64_t bytes)
{
	return format_size(bytes, 1000, "kMGTPE", "B");
}

char *print_binary_size(uint64_t bytes)
{
	return format_size(bytes, 1024, "KMGTPE", "iB");
}

void print_json(struct json_object *value, FILE *out)
{
	autofree char *json = json_format(value);

	(void)fputs(json, out);
}

int print_wants_json(const char *format, struct lxcri_error *err)
{
	if (!format || strcmp(format, "table") == 0)
		return 0;
	if (strcmp(format, "json") == 0)
		return 1;
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "--format: \"%s\" is not table or json", format);
}
