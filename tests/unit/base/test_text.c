/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "test.h"

#include <errno.h>

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
	assert_int_equal(text_parse_bytes("1q", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("1ib", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("1mm", &n), -EINVAL);
	assert_int_equal(text_parse_bytes("99999999t", &n), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_digits_and_nothing_else),
		cmocka_unit_test(sizes_count_in_powers_of_1024),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
