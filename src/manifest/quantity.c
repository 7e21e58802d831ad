/* SPDX-License-Identifier: MIT */
/* Quantities. */

#include "manifest/quantity.h"

#include "base/scope.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* More digits are no number that anybody means; a sum of so many fits. */
#define DIGITS_MAX   18
#define EXPONENT_MAX 30

static const struct suffix {
	const char *name;
	int tens; /* power of ten */
	int twos; /* power of two */
} suffixes[] = {
	{ "", 0, 0 },    { "n", -9, 0 },  { "u", -6, 0 },  { "m", -3, 0 },
	{ "k", 3, 0 },   { "M", 6, 0 },   { "G", 9, 0 },   { "T", 12, 0 },
	{ "P", 15, 0 },  { "E", 18, 0 },  { "Ki", 0, 10 }, { "Mi", 0, 20 },
	{ "Gi", 0, 30 }, { "Ti", 0, 40 }, { "Pi", 0, 50 }, { "Ei", 0, 60 },
};

static const struct suffix *find_suffix(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (strcmp(suffixes[i].name, name) == 0)
			return &suffixes[i];
	return NULL;
}

/* Reads "e3" or "E-3". */
static int take_exponent(const char *text, int *ret)
{
	bool is_negative = text[1] == '-';
	int value = 0;

	text += text[1] == '-' || text[1] == '+' ? 2 : 1;
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		value = 10 * value + (*text - '0');
		if (value > EXPONENT_MAX)
			return -ERANGE;
	}
	*ret = is_negative ? -value : value;
	return 0;
}

/* Digits with at most one point; *@ret_tens tells how many stand behind it, negatively. */
static int take_digits(const char **text, int64_t *ret, int *ret_tens)
{
	bool has_point = false;
	int digits = 0;

	*ret = 0;
	*ret_tens = 0;
	for (; isdigit((unsigned char)**text) || (**text == '.' && !has_point); (*text)++) {
		if (**text == '.') {
			has_point = true;
			continue;
		}
		if (++digits > DIGITS_MAX)
			return -ERANGE;
		*ret = 10 * *ret + (**text - '0');
		*ret_tens -= has_point;
	}
	return digits ? 0 : -EINVAL;
}

int quantity_parse(const char *text, int64_t *ret_thousandths)
{
	__int128 value;
	int64_t digits;
	int tens;
	int twos = 0;
	int more = 0;
	int r;

	if (*text == '-')
		return -ERANGE;
	text += *text == '+';
	r = take_digits(&text, &digits, &tens);
	if (r < 0)
		return r;
	if ((*text == 'e' || *text == 'E') && text[1] && text[1] != 'i') {
		r = take_exponent(text, &more);
	} else {
		const struct suffix *suffix = find_suffix(text);

		r = suffix ? 0 : -EINVAL;
		more = suffix ? suffix->tens : 0;
		twos = suffix ? suffix->twos : 0;
	}
	if (r < 0)
		return r;
	value = (__int128)digits << twos;
	for (tens += more + 3; tens > 0; tens--) {
		if (value > INT64_MAX)
			return -ERANGE;
		value *= 10;
	}
	for (; tens < 0; tens++)
		value = (value + 9) / 10;
	if (value > INT64_MAX)
		return -ERANGE;
	*ret_thousandths = (int64_t)value;
	return 0;
}
