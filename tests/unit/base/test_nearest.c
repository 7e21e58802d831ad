/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"
#include "test.h"

#include <string.h>

static void a_swap_counts_as_one_mistake(void **state)
{
	assert_int_equal(nearest_distance("state", "state"), 0);
	assert_int_equal(nearest_distance("satte", "state"), 1);
	assert_int_equal(nearest_distance("dlete", "delete"), 1);
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
}

static void the_nearest_wins_and_a_stranger_is_not_suggested(void **state)
{
	struct nearest nearest = nearest_to("strat");

	nearest_offer(&nearest, "create");
	nearest_offer(&nearest, "state");
	nearest_offer(&nearest, "start");
	nearest_offer(&nearest, "list");
	assert_string_equal(nearest.best, "start");

	nearest = nearest_to("xyz");
	nearest_offer(&nearest, "run");
	nearest_offer(&nearest, "exec");
	assert_null(nearest.best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_swap_counts_as_one_mistake),
		cmocka_unit_test(the_nearest_wins_and_a_stranger_is_not_suggested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
