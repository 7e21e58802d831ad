/* SPDX-License-Identifier: MIT */
#include "transfer/copy_ids.h"

#include "base/scope.h"
#include "test.h"

static void an_empty_map_changes_no_number(void **state)
{
	struct copy_ids map;

	assert_int_equal(copy_ids_parse(NULL, &map), 0);
	assert_int_equal(copy_ids_outside(&map, 1000), 1000);
	assert_int_equal(copy_ids_inside(&map, 1000), 1000);
	assert_true(copy_ids_is_plain(&map));
}

static void the_kernel_s_own_form_is_read(void **state)
{
	struct copy_ids map;

	assert_int_equal(
		copy_ids_parse("         0    1000000      65536\n     65536  5 1\n", &map), 0);
	assert_int_equal(map.count, 2);
	assert_int_equal(copy_ids_outside(&map, 0), 1000000);
	assert_int_equal(copy_ids_outside(&map, 65535), 1065535);
	assert_int_equal(copy_ids_outside(&map, 65536), 5);
	assert_int_equal(copy_ids_outside(&map, 65537), COPY_ID_NONE);
	assert_int_equal(copy_ids_inside(&map, 1000007), 7);
	assert_int_equal(copy_ids_inside(&map, 5), 65536);
	assert_int_equal(copy_ids_inside(&map, 0), COPY_ID_NONE);
	assert_false(copy_ids_is_plain(&map));
}

static void the_map_of_the_host_is_plain(void **state)
{
	struct copy_ids map;

	assert_int_equal(copy_ids_parse("0 0 4294967295", &map), 0);
	assert_true(copy_ids_is_plain(&map));
	assert_int_equal(copy_ids_outside(&map, 70000), 70000);
}

static void anything_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"0",       "0 0",    "0 0 0",          "a b c",
		"0 0 1 x", "-1 0 1", "0 4294967295 2", "0 0 99999999999",
	};
	struct copy_ids map = { .count = 7 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(copy_ids_parse(bad[i], &map) < 0);
	assert_int_equal(map.count, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_changes_no_number),
		cmocka_unit_test(the_kernel_s_own_form_is_read),
		cmocka_unit_test(the_map_of_the_host_is_plain),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
