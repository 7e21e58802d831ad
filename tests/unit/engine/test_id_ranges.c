/* SPDX-License-Identifier: MIT */
#include "base/scope.h"
#include "engine/userns/id_ranges.h"
#include "test.h"

static const struct id_pool_bounds pool = { .start = 1000000, .size = 65536, .count = 3 };

static void the_first_range_is_the_lowest(void **state)
{
	autorun(id_ranges_finish) struct id_ranges none = {};
	struct lxcri_error err = {};
	uint32_t start = 0;

	assert_int_equal(id_ranges_find_free(&none, &pool, &start, &err), 0);
	assert_int_equal(start, 1000000);
}

static void a_range_that_was_given_back_is_found_again(void **state)
{
	autorun(id_ranges_finish) struct id_ranges ranges = {};
	struct lxcri_error err = {};
	uint32_t start = 0;

	id_ranges_add(&ranges, 1000000 + 2 * 65536, 65536);
	id_ranges_add(&ranges, 1000000, 65536);
	assert_int_equal(id_ranges_find_free(&ranges, &pool, &start, &err), 0);
	assert_int_equal(start, 1000000 + 65536);
}

/* One that reaches from before the pool into it, one that lies across two places, a single id. */
static void what_overlaps_by_a_part_is_passed_over(void **state)
{
	static const struct id_range taken[] = { { 900000, 100001 }, { 1130000, 3000 }, { 5, 1 } };
	autorun(id_ranges_finish) struct id_ranges ranges = {};
	const struct id_pool_bounds wide = { .start = 1000000, .size = 65536, .count = 4 };
	struct lxcri_error err = {};
	uint32_t start = 0;

	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		id_ranges_add(&ranges, taken[i].start, taken[i].size);
	assert_int_equal(id_ranges_find_free(&ranges, &wide, &start, &err), 0);
	assert_int_equal(start, 1000000 + 3 * 65536);
}

static void a_small_range_inside_of_a_large_one_hides_nothing(void **state)
{
	autorun(id_ranges_finish) struct id_ranges ranges = {};
	struct lxcri_error err = {};
	uint32_t start = 0;

	id_ranges_add(&ranges, 1000000, 2 * 65536);
	id_ranges_add(&ranges, 1000010, 1);
	assert_int_equal(id_ranges_find_free(&ranges, &pool, &start, &err), 0);
	assert_int_equal(start, 1000000 + 2 * 65536);
}

static void a_pool_that_is_used_up_says_so(void **state)
{
	autorun(id_ranges_finish) struct id_ranges ranges = {};
	const struct id_pool_bounds last = { .start = 4294901759, .size = 65536, .count = 2 };
	struct lxcri_error err = {};
	uint32_t start = 7;

	id_ranges_add(&ranges, 1000000, 3 * 65536);
	assert_int_equal(id_ranges_find_free(&ranges, &pool, &start, &err), -1);
	assert_int_equal(err.code, LXCRI_E_ID_RANGES_EXHAUSTED);
	assert_int_equal(start, 7);

	/* The last id of all is none. */
	assert_int_equal(id_ranges_find_free(&(struct id_ranges){}, &last, &start, &err), 0);
	id_ranges_add(&ranges, 4294901759, 1);
	assert_int_equal(id_ranges_find_free(&ranges, &last, &start, &err), -1);
}

static void subordinate_ids_of_others_are_taken(void **state)
{
	static const char text[] = "# a remark\n"
				   "# eve:1131072:65536\n"
				   "root:1000000:65536\n"
				   "\n"
				   "alice:1065536:1\n"
				   "bob:here:there\n"
				   "carol:1\n"
				   "proxmox-lxcri:1131072:1000000\n"
				   "dave:4294967290:4294967296";
	autorun(id_ranges_finish) struct id_ranges ranges = {};
	struct lxcri_error err = {};
	uint32_t start = 0;

	id_ranges_add_subids(&ranges, text, "proxmox-lxcri");
	assert_int_equal(ranges.count, 3);
	assert_int_equal(ranges.items[2].size, 5);
	assert_int_equal(id_ranges_find_free(&ranges, &pool, &start, &err), 0);
	assert_int_equal(start, 1131072);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_range_is_the_lowest),
		cmocka_unit_test(a_range_that_was_given_back_is_found_again),
		cmocka_unit_test(what_overlaps_by_a_part_is_passed_over),
		cmocka_unit_test(a_small_range_inside_of_a_large_one_hides_nothing),
		cmocka_unit_test(a_pool_that_is_used_up_says_so),
		cmocka_unit_test(subordinate_ids_of_others_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
