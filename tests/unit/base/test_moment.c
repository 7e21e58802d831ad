/* SPDX-License-Identifier: MIT */
#include "base/moment.h"
#include "base/scope.h"
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define SECOND 1000000000ll
#define NOW    (1795310523 * SECOND)

static void a_time_is_read_as_it_is_written(void **state)
{
	static const int64_t times[] = { 0, 1, NOW, NOW + 123456789, 951782400 * SECOND, -1 };
	char text[MOMENT_BYTES];
	int64_t ns;

	for (size_t i = 0; times[i] >= 0; i++) {
		assert_int_equal(moment_format(times[i], text), 30);
		assert_int_equal(moment_parse_rfc3339(text, 30, &ns), 0);
		assert_int_equal(ns, times[i]);
	}
	moment_format(NOW + 5, text);
	assert_string_equal(text, "2026-11-22T01:22:03.000000005Z");
	moment_format(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
}

static void every_form_that_users_type_is_understood(void **state)
{
	static const struct form {
		const char *text;
		int64_t ns;
	} forms[] = {
		{ "2026-11-22T01:22:03Z", NOW },
		{ "2026-11-22T02:22:03+01:00", NOW },
		{ "2026-11-21T20:52:03.25-04:30", NOW + SECOND / 4 },
		{ "2026-11-22t01:22:03.000000001z", NOW + 1 },
		{ "2026-11-22T03:22:03", NOW },
		{ "2026-11-22 03:22:03", NOW },
		{ "2026-11-22T03:22", NOW - 3 * SECOND },
		{ "2026-11-22", NOW - (3 * 3600 + 22 * 60 + 3) * SECOND },
		{ "1795310523", NOW },
		{ "1795310523.5", NOW + SECOND / 2 },
		{ "0", 0 },
		{ "10m", NOW - 600 * SECOND },
		{ "1h30m", NOW - 5400 * SECOND },
		{ "1.5h", NOW - 5400 * SECOND },
		{ "1m1.5s", NOW - 61 * SECOND - SECOND / 2 },
		{ "5ms7us9ns", NOW - 5007009 },
		{ "0s", NOW },
	};
	int64_t ns;

	(void)setenv("TZ", "Etc/GMT-2", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		ns = -1;
		if (moment_parse(forms[i].text, NOW, &ns) < 0 || ns != forms[i].ns)
			fail_msg("%s is %lld, not %lld", forms[i].text, (long long)ns,
				 (long long)forms[i].ns);
	}
}

static void what_is_no_time_is_refused_and_leaves_the_result_alone(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"yesterday",
		"-1",
		"10 m",
		"10x",
		"m",
		"1h30",
		"1..5s",
		"1.",
		".5s",
		"2026-13-22",
		"2026-11-32",
		"2026-11-22T",
		"2026-11-22T24:00:00Z",
		"2026-11-22T01:22:03+1",
		"2026-11-22T01:22:03ZZ",
		"2026-11-22T01:22:03.Z",
		"99999999999999999999",
		"99999999999999999999s",
		"9000000000s9000000000s",
		"0x10",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int64_t ns = 42;

		if (moment_parse(texts[i], NOW, &ns) != -EINVAL || ns != 42)
			fail_msg("\"%s\" is taken for %lld", texts[i], (long long)ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_read_as_it_is_written),
		cmocka_unit_test(every_form_that_users_type_is_understood),
		cmocka_unit_test(what_is_no_time_is_refused_and_leaves_the_result_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
