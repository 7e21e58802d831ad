/* SPDX-License-Identifier: MIT */
#include "engine/workload/rolling.h"

#include "base/scope.h"

#include "test.h"

#include <string.h>

static void percentages_are_rounded_up_for_more_and_down_for_fewer(void **state)
{
	static const struct {
		const char *text;
		int64_t replicas, up, down;
	} counts[] = {
		{ "25%", 1, 1, 0 }, { "25%", 4, 1, 1 },  { "25%", 10, 3, 2 },
		{ "0%", 10, 0, 0 }, { "100%", 3, 3, 3 }, { "150%", 3, 5, 4 },
		{ "3", 100, 3, 3 }, { "34%", 3, 2, 1 },  { "1%", 1000, 10, 10 },
	};
	struct lxcri_error err = {};

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		int64_t up = -1, down = -1;

		assert_int_equal(
			rolling_count(counts[i].text, counts[i].replicas, ROLLING_UP, &up, &err),
			0);
		assert_int_equal(rolling_count(counts[i].text, counts[i].replicas, ROLLING_DOWN,
					       &down, &err),
				 0);
		assert_int_equal(up, counts[i].up);
		assert_int_equal(down, counts[i].down);
	}
}

static void what_is_no_count_is_refused(void **state)
{
	static const char *const bad[] = { "", "%", "-1", "1.5", "25 %", "25%%", "x", "99999999%" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct lxcri_error err = {};
		int64_t count = 7;

		assert_true(rolling_count(bad[i], 4, ROLLING_UP, &count, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_MANIFEST);
		assert_int_equal(count, 7);
	}
}

static int read_both(int64_t replicas, const char *surge, const char *unavailable,
		     struct rolling *ret)
{
	struct object_rolling rolling = { .max_surge = (char *)surge,
					  .max_unavailable = (char *)unavailable };
	struct object_strategy strategy = { .rolling = &rolling };
	const struct object_set set = { .replicas = replicas, .strategy = &strategy };
	struct lxcri_error err = {};

	return rolling_read(&set, OBJECT_DEPLOYMENT, ret, &err);
}

static void the_defaults_are_those_of_kubernetes(void **state)
{
	struct rolling rolling;

	assert_int_equal(read_both(10, NULL, NULL, &rolling), 0);
	assert_int_equal(rolling.surge, 3);
	assert_int_equal(rolling.unavailable, 2);
	assert_int_equal(rolling.deadline_seconds, 600);
	/* Both became 0 by rounding: one may be missing all the same. */
	assert_int_equal(read_both(1, "0", "25%", &rolling), 0);
	assert_int_equal(rolling.unavailable, 1);
	assert_true(read_both(3, "0", "0", &rolling) < 0);
}

static void a_type_that_is_not_known_is_refused(void **state)
{
	static const struct {
		const char *type;
		enum object_kind kind;
		enum lxcri_code code;
	} types[] = {
		{ "Recreate", OBJECT_DEPLOYMENT, LXCRI_E_NONE },
		{ "Recreate", OBJECT_STATEFUL_SET, LXCRI_E_INVALID_MANIFEST },
		{ "OnDelete", OBJECT_STATEFUL_SET, LXCRI_E_NONE },
		{ "OnDelete", OBJECT_DEPLOYMENT, LXCRI_E_INVALID_MANIFEST },
		{ "Sometimes", OBJECT_DEPLOYMENT, LXCRI_E_INVALID_MANIFEST },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct object_strategy strategy = { .type = (char *)types[i].type };
		const struct object_set set = { .replicas = 2, .strategy = &strategy };
		struct lxcri_error err = {};
		struct rolling rolling;

		assert_int_equal(rolling_read(&set, types[i].kind, &rolling, &err) < 0,
				 types[i].code != LXCRI_E_NONE);
		assert_int_equal(err.code, types[i].code);
	}
}

/* Plays a rollout in which what is made is available at once; the bounds hold at each step. */
static void play(const struct rolling *rolling, int64_t wanted, int64_t former)
{
	struct rolling_pods pods = { .wanted = wanted,
				     .former = former,
				     .former_available = former };

	for (int i = 0; i < 1000; i++) {
		struct rolling_step step = rolling_next(rolling, &pods);

		if (pods.former == 0 && pods.fresh == wanted)
			return;
		assert_true(step.make + step.remove_available + step.remove_unavailable > 0);
		pods.former -= step.remove_available + step.remove_unavailable;
		pods.former_available -= step.remove_available;
		if (!rolling->recreate)
			assert_true(pods.fresh_available + pods.former_available >=
				    wanted - rolling->unavailable);
		pods.fresh += step.make;
		assert_true(pods.fresh + pods.former <=
			    (former > wanted ? former : wanted) + rolling->surge);
		pods.fresh_available = pods.fresh;
	}
	assert_true(false);
}

static void every_rollout_ends_within_its_bounds(void **state)
{
	for (int64_t wanted = 1; wanted < 6; wanted++)
		for (int64_t surge = 0; surge < 4; surge++)
			for (int64_t unavailable = surge ? 0 : 1; unavailable <= wanted;
			     unavailable++)
				play(&(struct rolling){ .surge = surge,
							.unavailable = unavailable },
				     wanted, wanted);
	play(&(struct rolling){ .recreate = true }, 3, 3);
}

static void nothing_that_works_goes_before_its_successor_works(void **state)
{
	const struct rolling rolling = { .surge = 1 };
	struct rolling_pods pods = { .wanted = 2, .fresh = 1, .former = 2, .former_available = 2 };
	struct rolling_step step = rolling_next(&rolling, &pods);

	assert_int_equal(step.make + step.remove_available + step.remove_unavailable, 0);
	pods.fresh_available = 1;
	step = rolling_next(&rolling, &pods);
	assert_int_equal(step.remove_available, 1);
	/* One of the former that does not work is no loss. */
	pods = (struct rolling_pods){ .wanted = 2, .former = 2, .former_available = 1 };
	step = rolling_next(&(struct rolling){ .unavailable = 1 }, &pods);
	assert_int_equal(step.remove_unavailable, 1);
	assert_int_equal(step.remove_available, 0);
}

static void one_that_is_recreated_is_gone_first(void **state)
{
	const struct rolling rolling = { .recreate = true };
	struct rolling_pods pods = { .wanted = 2, .former = 2, .former_available = 1 };
	struct rolling_step step = rolling_next(&rolling, &pods);

	assert_int_equal(step.make, 0);
	assert_int_equal(step.remove_available, 1);
	assert_int_equal(step.remove_unavailable, 1);
	pods = (struct rolling_pods){ .wanted = 2 };
	assert_int_equal(rolling_next(&rolling, &pods).make, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentages_are_rounded_up_for_more_and_down_for_fewer),
		cmocka_unit_test(what_is_no_count_is_refused),
		cmocka_unit_test(the_defaults_are_those_of_kubernetes),
		cmocka_unit_test(a_type_that_is_not_known_is_refused),
		cmocka_unit_test(every_rollout_ends_within_its_bounds),
		cmocka_unit_test(nothing_that_works_goes_before_its_successor_works),
		cmocka_unit_test(one_that_is_recreated_is_gone_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
