/* SPDX-License-Identifier: MIT */
/* A text that grows, and strict readings of small texts. */

#include "base/text.h"

#include "base/mem.h"
#include "base/scope.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void text_reserve(struct text *text, size_t more)
{
	size_t needed = text->length + more + 1;

	if (needed <= text->capacity)
		return;
	if (needed < 2 * text->capacity)
		needed = 2 * text->capacity;
	text->data = xreallocarray(text->data, needed, 1);
	text->capacity = needed;
}

void text_append(struct text *text, const char *bytes, size_t size)
{
	text_reserve(text, size);
	if (size)
		memcpy(text->data + text->length, bytes, size);
	text->length += size;
	text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_append(text, string, strlen(string));
}

void text_addf(struct text *text, const char *format, ...)
{
	va_list args;
	va_list again;
	int needed;

	va_start(args, format);
	va_copy(again, args);
	needed = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (needed > 0) {
		text_reserve(text, (size_t)needed);
		(void)vsnprintf(text->data + text->length, (size_t)needed + 1, format, again);
		text->length += (size_t)needed;
	}
	va_end(again);
}

void text_add_quoted(struct text *text, const char *string)
{
	text_add(text, "\"");
	for (const char *c = string; *c; c++) {
		if (*c == '"' || *c == '\\')
			text_addf(text, "\\%c", *c);
		else if ((unsigned char)*c < 0x20)
			text_addf(text, "\\u%04x", (unsigned int)*c);
		else
			text_append(text, c, 1);
	}
	text_add(text, "\"");
}

char *text_steal(struct text *text)
{
	char *data = text->data ? text->data : xstrdup("");

	*text = (struct text){};
	return data;
}

void text_finish(struct text *text)
{
	free(text->data);
	*text = (struct text){};
}

/* Reads the leading digits of @string; *@ret_end is where they end. */
static int parse_digits(const char *string, uint64_t *ret, const char **ret_end)
{
	uint64_t value = 0;
	const char *c = string;

	if (!isdigit((unsigned char)*c) || (c[0] == '0' && isdigit((unsigned char)c[1])))
		return -EINVAL;
	for (; isdigit((unsigned char)*c); c++)
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
			return -ERANGE;
	*ret = value;
	*ret_end = c;
	return 0;
}

int text_parse_u64(const char *string, uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *end;
	uint64_t value;
	int r = parse_digits(string, &value, &end);

	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	if (value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

/* Reads up to nine digits behind the point at *@at, as billionths; leaves *@at behind them. */
static int parse_fraction(const char **at, uint64_t *ret)
{
	uint64_t place = 1000000000;

	*ret = 0;
	if (**at != '.')
		return 0;
	for ((*at)++; **at >= '0' && **at <= '9'; (*at)++) {
		place /= 10;
		if (place == 0)
			return -EINVAL;
		*ret += place * (uint64_t)(**at - '0');
	}
	return place == 1000000000 ? -EINVAL : 0;
}

int text_parse_bytes(const char *string, uint64_t *ret_bytes)
{
	static const char units[] = "kmgt";
	const char *end;
	uint64_t fraction = 0;
	uint64_t value;
	int r = parse_digits(string, &value, &end);

	if (r == 0)
		r = parse_fraction(&end, &fraction);
	if (r < 0)
		return r;

	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;

	if (unit)
		end++;
	if (*end && strcasecmp(end, "b") != 0 && (!unit || strcasecmp(end, "ib") != 0))
		return -EINVAL;

	unsigned int shift = unit ? 10u * (unsigned int)(unit - units + 1) : 0;

	if (shift && value >= UINT64_MAX >> shift)
		return -ERANGE;
	if (!unit && fraction > 0)
		return -EINVAL;
	*ret_bytes = (value << shift) +
		     (uint64_t)((__uint128_t)fraction * (UINT64_C(1) << shift) / 1000000000);
	return 0;
}

size_t text_control_length(const char *string)
{
	const unsigned char *c = (const unsigned char *)string;

	if ((*c > 0 && *c < 0x20) || *c == 0x7f)
		return 1;
	return c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
}

bool text_has_control(const char *string)
{
	for (const char *c = string; *c; c++)
		if (text_control_length(c) > 0)
			return true;
	return false;
}

void text_mask_controls(char *string, char by)
{
	for (char *c = string; *c; c++)
		for (size_t n = text_control_length(c); n > 0; n--)
			c[n - 1] = by;
}

size_t text_utf8_length(const char *string, const char *end)
{
	const unsigned char *at = (const unsigned char *)string;
	static const struct {
		unsigned char first, last;     /* of the lead byte */
		unsigned char lowest, highest; /* of the second */
		size_t length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (*at < forms[i].first || *at > forms[i].last)
			continue;
		if ((size_t)(end - string) < forms[i].length || at[1] < forms[i].lowest ||
		    at[1] > forms[i].highest)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if ((at[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

void text_mask_malformed(char *string, char by)
{
	char *end = string + strlen(string);

	for (char *c = string; c < end;) {
		size_t length = (unsigned char)*c < 0x80 ? 1 : text_utf8_length(c, end);

		if (length == 0)
			*c = by;
		c += length > 0 ? length : 1;
	}
}

bool text_starts_with(const char *string, const char *prefix)
{
	return strncmp(string, prefix, strlen(prefix)) == 0;
}

bool text_ends_with(const char *string, const char *suffix)
{
	size_t length = strlen(string);
	size_t tail = strlen(suffix);

	return length >= tail && strcmp(string + length - tail, suffix) == 0;
}
