/* SPDX-License-Identifier: MIT */
/* Patterns over container names. */

#include "config/pattern.h"

#include <ctype.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MAX       256  /* bytes */
#define REGEX_REPEATS_MAX 1000 /* product of the bounds of all {m,n} */
#define REGEX_NESTING_MAX 32

static bool is_regex(const char *pattern)
{
	size_t length = strlen(pattern);

	return pattern[0] == '^' || (length > 0 && pattern[length - 1] == '$');
}

/* Returns the first byte behind the set that begins at @set ("[...]"), or NULL when it is not
 * closed. As in the shell, a ] that comes first is a member. */
static const char *set_end(const char *set)
{
	const char *c = set + 1;

	if (*c == '!' || *c == '^')
		c++;
	if (*c == ']')
		c++;
	while (*c && *c != ']')
		c++;
	return *c ? c + 1 : NULL;
}

/* Tells whether the byte @c belongs to the set at @set, which ends before @end. */
static bool set_has(const char *set, const char *end, char c)
{
	const char *member = set + 1;
	bool negated = *member == '!' || *member == '^';
	bool found = false;

	if (negated)
		member++;
	while (member < end - 1) {
		char low = *member++;
		char high = low;

		if (member + 1 < end - 1 && *member == '-') {
			high = member[1];
			member += 2;
		}
		if ((unsigned char)low <= (unsigned char)c &&
		    (unsigned char)c <= (unsigned char)high)
			found = true;
	}
	return found != negated;
}

static int check_set(const char *pattern, const char *set, const char *end, struct lxcri_error *err)
{
	const char *member = set + 1 + (set[1] == '!' || set[1] == '^');

	for (; member + 2 < end - 1; member++)
		if (member[1] == '-') {
			if ((unsigned char)member[0] > (unsigned char)member[2])
				return fail(err, LXCRI_E_INVALID_CONFIG,
					    "pattern \"%s\": the range %c-%c is reversed", pattern,
					    member[0], member[2]);
			member += 2;
		}
	return 0;
}

static int check_glob(const char *pattern, struct lxcri_error *err)
{
	for (const char *c = pattern; *c; c++) {
		if (*c == '\\')
			return fail(
				err, LXCRI_E_INVALID_CONFIG,
				"pattern \"%s\": a glob has no escapes; write [x] for a plain x",
				pattern);
		if (*c != '[')
			continue;

		const char *end = set_end(c);

		if (!end)
			return fail(err, LXCRI_E_INVALID_CONFIG, "pattern \"%s\": [ is not closed",
				    pattern);
		if (check_set(pattern, c, end, err) < 0)
			return -1;
		c = end - 1;
	}
	return 0;
}

/* Refuses what makes the C library's matcher take exponential time (back references) or memory
 * (repetitions of repetitions). */
static int check_regex_cost(const char *pattern, struct lxcri_error *err)
{
	unsigned long repeats = 1;
	unsigned int nesting = 0;

	for (const char *c = pattern; *c; c++) {
		if (*c == '\\' && c[1]) {
			c++;
			if (isdigit((unsigned char)*c))
				return fail(err, LXCRI_E_INVALID_CONFIG,
					    "pattern \"%s\": back references are refused", pattern);
			continue;
		}
		if (*c == '(' && ++nesting > REGEX_NESTING_MAX)
			return fail(err, LXCRI_E_INVALID_CONFIG,
				    "pattern \"%s\": more than %d groups", pattern,
				    REGEX_NESTING_MAX);
		if (*c != '{')
			continue;

		unsigned long bound = 1;

		for (const char *digit = c + 1; isdigit((unsigned char)*digit) || *digit == ',';) {
			char *end = (char *)digit + 1;
			unsigned long value = *digit == ',' ? 0 : strtoul(digit, &end, 10);

			bound = value > bound ? value : bound;
			digit = end;
		}
		if (bound > REGEX_REPEATS_MAX || repeats * bound > REGEX_REPEATS_MAX)
			return fail(err, LXCRI_E_INVALID_CONFIG,
				    "pattern \"%s\": its repetitions multiply to more than %d",
				    pattern, REGEX_REPEATS_MAX);
		repeats *= bound;
	}
	return 0;
}

/* Compiles @pattern into *@ret, which the caller ends with regfree(). */
static int compile(const char *pattern, regex_t *ret, struct lxcri_error *err)
{
	char problem[128];

	if (check_regex_cost(pattern, err) < 0)
		return -1;

	int r = regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB);

	if (r == 0)
		return 0;
	(void)regerror(r, ret, problem, sizeof(problem));
	return fail(err, LXCRI_E_INVALID_CONFIG, "pattern \"%s\": %s", pattern, problem);
}

static int check_length(const char *pattern, struct lxcri_error *err)
{
	if (!*pattern)
		return fail(err, LXCRI_E_INVALID_CONFIG, "the pattern is empty");
	if (strnlen(pattern, PATTERN_MAX + 1) > PATTERN_MAX)
		return fail(err, LXCRI_E_INVALID_CONFIG, "the pattern is longer than %d bytes",
			    PATTERN_MAX);
	return 0;
}

int pattern_check(const char *pattern, struct lxcri_error *err)
{
	regex_t regex;

	if (check_length(pattern, err) < 0)
		return -1;
	if (!is_regex(pattern))
		return check_glob(pattern, err);
	if (compile(pattern, &regex, err) < 0)
		return -1;
	regfree(&regex);
	return 0;
}

/* Matches the one element at *@pattern, which is no star, against the byte @c, and moves *@pattern
 * behind it when they match. */
static bool match_one(const char **pattern, char c)
{
	const char *element = *pattern;
	const char *end = element + 1;

	if (!*element || !c)
		return false;
	if (*element == '[') {
		end = set_end(element);
		if (!set_has(element, end, c))
			return false;
	} else if (*element != '?' && *element != c) {
		return false;
	}
	*pattern = end;
	return true;
}

/* Every element but a star takes exactly one byte, so only the latest star ever needs to be tried
 * again with one byte more: length times length steps at most. */
static bool match_glob(const char *pattern, const char *name)
{
	const char *after_star = NULL;
	const char *retry = NULL;

	for (;;) {
		if (*pattern == '*') {
			after_star = ++pattern;
			retry = name;
			continue;
		}
		if (match_one(&pattern, *name)) {
			name++;
			continue;
		}
		if (!*pattern && !*name)
			return true;
		if (!retry || !*retry)
			return false;
		pattern = after_star;
		name = ++retry;
	}
}

int pattern_match(const char *pattern, const char *name, struct lxcri_error *err)
{
	regex_t regex;

	if (check_length(pattern, err) < 0)
		return -1;
	if (!is_regex(pattern)) {
		if (check_glob(pattern, err) < 0)
			return -1;
		return match_glob(pattern, name);
	}
	if (compile(pattern, &regex, err) < 0)
		return -1;

	int r = regexec(&regex, name, 0, NULL, 0);

	regfree(&regex);
	return r == 0;
}
