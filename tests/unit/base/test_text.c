/* SPDX-License-Identifier: MIT */
#include "base/scope.h"
#include "base/text.h"
#include "test.h"

#include <errno.h>
#include <string.h>

static void a_number_is_digits_and_nothing_else(void **state)
{
	uint64_t n = 7;

	assert_int_equal(text_parse_u64("0", 0, 10, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(text_parse_u64("18446744073709551615", 0, UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	n = 7;
	assert_int_equal(text_parse_u64("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(text_parse_u64("", 0, 10, &n), -EINVAL);
	assert_int_equal(text_parse_u64("-1", 0, 10, &n), -EINVAL);
	assert_int_equal(text_parse_u64(" 1", 0, 10, &n), -EINVAL);
	assert_int_equal(text_parse_u64("0x1", 0, 10, &n), -EINVAL);
	assert_int_equal(text_parse_u64("01", 0, 10, &n), -EINVAL);
	assert_int_equal(text_parse_u64("11", 0, 10, &n), -ERANGE);
	assert_int_equal(n, 7);
}

static void sizes_count_in_powers_of_1024(void **state)
{
	uint64_t n;

	assert_int_equal(text_parse_bytes("512m", &n), 0);
	assert_int_equal(n, 512u << 20);
	assert_int_equal(text_parse_bytes("1GiB", &n), 0);
	assert_int_equal(n, 1u << 30);
	assert_int_equal(text_parse_bytes("3kb", &n), 0);
	assert_int_equal(n, 3072);
	assert_int_equal(text_parse_bytes("9b", &n), 0);
	assert_int_equal(n, 9);
	assert_int_equal(text_parse_bytes("1.5g", &n), 0);
	assert_int_equal(n, 3u << 29);
	assert_int_equal(text_parse_bytes("0.25k", &n), 0);
	assert_int_equal(n, 256);
	assert_int_equal(text_parse_bytes("1.5", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("1.g", &n), -EINVAL);
	assert_int_equal(text_parse_bytes(".5g", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("1.5.5g", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("1.0000000001g", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("1q", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("1ib", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("1mm", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("99999999t", &n), -ERANGE);
}

static void a_text_grows_and_is_handed_out(void **state)
{
	struct text text = {};
	autofree char *empty = text_steal(&text);

	assert_string_equal(empty, "");
	for (int i = 0; i < 1000; i++)
		text_addf(&text, "%d,", i % 10);
	text_append(&text, "end!", 3);
	text_append(&text, NULL, 0);
	text_add(&text, "");
	assert_int_equal(text.length, 2003);
	assert_int_equal(strlen(text.data), 2003);

	autofree char *whole = text_steal(&text);

	assert_string_equal(whole + 1996, "8,9,end");
	assert_null(text.data);
	text_finish(&text);
	text_finish(&text);
}

static void control_characters_are_found(void **state)
{
	assert_false(text_has_control(""));
	assert_false(text_has_control("plain text, \xc3\xa9"));
	assert_true(text_has_control("\n"));
	assert_true(text_has_control("a\rb"));
	assert_true(text_has_control("a\x1b[0m"));
	assert_true(text_has_control("a\x7f"));
}

static void beginnings_and_ends_are_compared(void **state)
{
	assert_true(text_starts_with("sha256:00", "sha256:"));
	assert_true(text_starts_with("a", ""));
	assert_false(text_starts_with("sha", "sha256"));
	assert_true(text_ends_with("a.json", ".json"));
	assert_true(text_ends_with("a", ""));
	assert_false(text_ends_with("n", "json"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_digits_and_nothing_else),
		cmocka_unit_test(sizes_count_in_powers_of_1024),
		cmocka_unit_test(a_text_grows_and_is_handed_out),
		cmocka_unit_test(control_characters_are_found),
		cmocka_unit_test(beginnings_and_ends_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
