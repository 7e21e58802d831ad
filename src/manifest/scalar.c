/* SPDX-License-Identifier: MIT */
/* Words without quotes. */

#include "manifest/scalar.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_among(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* Digits of @base alone, with underscores between them. */
static bool are_digits(const char *text, int base)
{
	static const char digits[] = "0123456789abcdef";
	bool found = false;

	for (; *text; text++) {
		const char *digit = strchr(digits, tolower((unsigned char)*text));

		if (*text == '_' && found)
			continue;
		if (!digit || digit - digits >= base)
			return false;
		found = true;
	}
	return found;
}

/* Reads a whole number; one that does not fit is a fraction. */
static bool take_number(struct yaml_node *node)
{
	const char *text = node->text;
	bool is_negative = *text == '-';
	char plain[72];
	size_t length = 0;
	int base = 10;

	text += *text == '-' || *text == '+';
	if (text[0] == '0' && text[1] && strchr("xob", text[1])) {
		base = text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : 2;
		text += 2;
	} else if (text[0] == '0' && text[1] && are_digits(text + 1, 8)) {
		base = 8;
		text++;
	}
	if (!are_digits(text, base))
		return false;
	node->kind = YAML_FRACTION;
	plain[length++] = is_negative ? '-' : '+';
	for (; *text; text++) {
		if (length + 1 == sizeof(plain))
			return true;
		if (*text != '_')
			plain[length++] = *text;
	}
	plain[length] = '\0';
	errno = 0;
	node->number = strtoll(plain, NULL, base);
	if (errno == 0)
		node->kind = YAML_NUMBER;
	return true;
}

static bool is_fraction(const char *text)
{
	static const char *const special[] = { ".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
					       "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
					       ".NaN",  ".NAN",  NULL };
	char *end = NULL;

	if (is_among(text, special))
		return true;
	/* strtod() takes hexadecimal ones and words as well. */
	if (strspn(text, "+-.0123456789eE_") != strlen(text) || !strpbrk(text, "0123456789"))
		return false;
	(void)strtod(text, &end);
	return *end == '\0';
}

void scalar_resolve(struct yaml_node *node)
{
	static const char *const nothing[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "y",    "Y",    "yes", "Yes", "YES", "true",
					   "True", "TRUE", "on",  "On",  "ON",  NULL };
	static const char *const no[] = { "n",     "N",     "no",  "No",  "NO",  "false",
					  "False", "FALSE", "off", "Off", "OFF", NULL };

	if (is_among(node->text, nothing)) {
		node->kind = YAML_NULL;
	} else if (is_among(node->text, yes) || is_among(node->text, no)) {
		node->kind = YAML_TRUTH;
		node->truth = is_among(node->text, yes);
	} else if (!take_number(node) && is_fraction(node->text)) {
		node->kind = YAML_FRACTION;
	}
}
