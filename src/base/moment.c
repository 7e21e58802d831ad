/* SPDX-License-Identifier: MIT */
/* A point in time and its texts. */

#include "base/moment.h"

#include "base/scope.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Seconds that a moment may have: it must fit in nanoseconds. */
#define SECONDS_MAX 9000000000ll

/* Bytes that are left to read. */
struct rest {
	const char *at;
	size_t size;
};

static bool take(struct rest *rest, char c)
{
	if (rest->size == 0 || *rest->at != c)
		return false;
	rest->at++;
	rest->size--;
	return true;
}

static bool is_digit(const struct rest *rest)
{
	return rest->size > 0 && *rest->at >= '0' && *rest->at <= '9';
}

/* Reads exactly @digits digits whose value is in [@min, @max]. */
static bool take_number(struct rest *rest, int digits, int min, int max, int *ret)
{
	int value = 0;

	for (; digits > 0; digits--) {
		if (!is_digit(rest))
			return false;
		value = value * 10 + (*rest->at - '0');
		rest->at++;
		rest->size--;
	}
	*ret = value;
	return value >= min && value <= max;
}

/* Reads what stands behind a decimal point, as nanoseconds; digits past the ninth do not count. */
static bool take_fraction(struct rest *rest, int64_t unit, int64_t *ret)
{
	if (!is_digit(rest))
		return false;
	for (*ret = 0; is_digit(rest); rest->at++, rest->size--) {
		unit /= 10;
		*ret += unit * (*rest->at - '0');
	}
	return true;
}

int64_t moment_of(struct timespec time)
{
	return (int64_t)time.tv_sec * NS_IN_SECOND + time.tv_nsec;
}

int64_t moment_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
	return moment_of(now);
}

size_t moment_format(int64_t ns, char text[MOMENT_BYTES])
{
	char second[24];
	struct tm utc;
	time_t seconds = ns / NS_IN_SECOND - (ns % NS_IN_SECOND < 0);

	if (!gmtime_r(&seconds, &utc) ||
	    strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		return (size_t)snprintf(text, MOMENT_BYTES, "%lld", (long long)ns);
	return (size_t)snprintf(text, MOMENT_BYTES, "%s.%09dZ", second,
				(int)(ns - (int64_t)seconds * NS_IN_SECOND));
}

static bool take_clock(struct rest *rest, struct tm *tm, int64_t *fraction)
{
	if (!take_number(rest, 2, 0, 23, &tm->tm_hour) || !take(rest, ':') ||
	    !take_number(rest, 2, 0, 59, &tm->tm_min))
		return false;
	if (!take(rest, ':'))
		return true;
	if (!take_number(rest, 2, 0, 60, &tm->tm_sec))
		return false;
	return !take(rest, '.') || take_fraction(rest, NS_IN_SECOND, fraction);
}

/* Reads "Z" or "+01:00" and returns the seconds since the epoch; nothing is local time. */
static bool take_zone(struct rest *rest, struct tm *tm, int64_t *ret_seconds)
{
	int hours, minutes;
	bool east;

	if (rest->size == 0) {
		tm->tm_isdst = -1;
		*ret_seconds = mktime(tm);
		return true;
	}
	*ret_seconds = timegm(tm);
	if (take(rest, 'Z') || take(rest, 'z'))
		return true;
	east = take(rest, '+');
	if ((!east && !take(rest, '-')) || !take_number(rest, 2, 0, 23, &hours) ||
	    !take(rest, ':') || !take_number(rest, 2, 0, 59, &minutes))
		return false;
	*ret_seconds += (east ? -60 : 60) * (60 * hours + minutes);
	return true;
}

int moment_parse_rfc3339(const char *text, size_t size, int64_t *ret_ns)
{
	struct rest rest = { text, size };
	struct tm tm = {};
	int64_t fraction = 0;
	int64_t seconds;

	if (!take_number(&rest, 4, 1970, 2200, &tm.tm_year) || !take(&rest, '-') ||
	    !take_number(&rest, 2, 1, 12, &tm.tm_mon) || !take(&rest, '-') ||
	    !take_number(&rest, 2, 1, 31, &tm.tm_mday))
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (take(&rest, 'T') || take(&rest, 't') || take(&rest, ' '))
		if (!take_clock(&rest, &tm, &fraction))
			return -EINVAL;
	if (!take_zone(&rest, &tm, &seconds) || rest.size > 0)
		return -EINVAL;
	*ret_ns = seconds * NS_IN_SECOND + fraction;
	return 0;
}

/* Reads "12" or "12.5"; the fraction comes in thousand millionths. */
static bool take_amount(struct rest *rest, int64_t *ret_whole, int64_t *ret_fraction)
{
	int64_t whole = 0;

	if (!is_digit(rest))
		return false;
	for (; is_digit(rest); rest->at++, rest->size--) {
		whole = whole * 10 + (*rest->at - '0');
		if (whole > SECONDS_MAX)
			return false;
	}
	*ret_whole = whole;
	*ret_fraction = 0;
	return !take(rest, '.') || take_fraction(rest, NS_IN_SECOND, ret_fraction);
}

/* Reads the unit of a duration. */
static bool take_unit(struct rest *rest, int64_t *ret_ns)
{
	static const struct unit {
		const char *name;
		int64_t ns;
	} units[] = { /* the longer first */
		      { "ms", 1000000 },
		      { "us", 1000 },
		      { "ns", 1 },
		      { "h", 3600 * NS_IN_SECOND },
		      { "m", 60 * NS_IN_SECOND },
		      { "s", NS_IN_SECOND }
	};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		size_t length = strlen(units[i].name);

		if (rest->size < length || memcmp(rest->at, units[i].name, length) != 0)
			continue;
		rest->at += length;
		rest->size -= length;
		*ret_ns = units[i].ns;
		return true;
	}
	return false;
}

int moment_parse_duration(const char *text, int64_t *ret_ns)
{
	struct rest rest = { text, strlen(text) };
	int64_t total = 0;

	if (rest.size == 0)
		return -EINVAL;

	while (rest.size > 0) {
		int64_t whole, fraction, unit;

		if (!take_amount(&rest, &whole, &fraction) || !take_unit(&rest, &unit) ||
		    whole > (SECONDS_MAX * NS_IN_SECOND - total) / unit)
			return -EINVAL;
		total += whole * unit + (int64_t)((double)fraction * (double)unit / NS_IN_SECOND);
	}
	*ret_ns = total;
	return 0;
}

int moment_parse(const char *text, int64_t now_ns, int64_t *ret_ns)
{
	struct rest rest = { text, strlen(text) };
	struct rest number = rest;
	int64_t whole, fraction, duration;

	if (moment_parse_rfc3339(text, rest.size, ret_ns) == 0)
		return 0;
	if (take_amount(&number, &whole, &fraction) && number.size == 0) {
		*ret_ns = whole * NS_IN_SECOND + fraction;
		return 0;
	}
	if (moment_parse_duration(text, &duration) < 0)
		return -EINVAL;
	*ret_ns = now_ns - duration;
	return 0;
}
