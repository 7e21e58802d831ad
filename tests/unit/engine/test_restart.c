/* SPDX-License-Identifier: MIT */
#include "engine/service/health.h"
#include "engine/service/restart.h"

#include "test.h"

#include <string.h>

#define MS     1000000ll
#define SECOND 1000000000ll
#define NOW    (1000000 * SECOND)

/* A container that failed a moment ago, 3 s after its start. */
static const struct restart_facts failed = {
	.exit_code = 1,
	.started_ns = NOW - 3 * SECOND,
	.finished_ns = NOW,
	.now_ns = NOW,
	.boot_id = "this",
};

static struct record wanted(const char *policy)
{
	return (struct record){ .restart = (char *)policy, .wanted = true };
}

static void a_policy_is_one_of_four_words(void **state)
{
	struct restart_policy policy;
	struct lxcri_error err = {};
	static const char *const bad[] = { "",         "yes",           "on-failure:",
					   "always:1", "on-failure:0",  "on-failure:-1",
					   "Always",   "on-failure:1x", "on-failure:99999999" };

	assert_int_equal(restart_policy_parse(NULL, &policy, &err), 0);
	assert_int_equal(policy.kind, RESTART_NO);
	assert_int_equal(restart_policy_parse("on-failure:7", &policy, &err), 0);
	assert_int_equal(policy.kind, RESTART_ON_FAILURE);
	assert_int_equal(policy.max, 7);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err = (struct lxcri_error){};
		assert_true(restart_policy_parse(bad[i], &policy, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
	}
}

static void each_policy_decides_by_the_end_and_the_user(void **state)
{
	static const struct {
		const char *policy;
		int exit_code;
		bool wanted;
		const char *stopped_boot;
		bool again;
	} cases[] = {
		{ "no", 1, true, NULL, false },
		{ "always", 0, true, NULL, true },
		{ "always", 0, false, "this", false },
		{ "always", 0, false, "other", true },
		{ "always", 0, false, NULL, false },
		{ "unless-stopped", 0, true, NULL, true },
		{ "unless-stopped", 0, false, "this", false },
		{ "unless-stopped", 0, false, "other", false },
		{ "unless-stopped", 0, true, "this", false },
		{ "unless-stopped", 0, true, "other", true },
		{ "on-failure", 0, true, NULL, false },
		{ "on-failure", 1, true, NULL, true },
		{ "on-failure", 1, false, "other", false },
		{ "on-failure", 0, true, "other", true },
		{ "nonsense", 1, true, NULL, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct record record = { .restart = (char *)cases[i].policy,
					 .wanted = cases[i].wanted,
					 .stopped_boot = (char *)cases[i].stopped_boot };
		struct restart_facts facts = failed;
		int64_t wait;

		facts.exit_code = cases[i].exit_code;
		if (restart_decide(&record, &facts, &wait) != cases[i].again)
			fail_msg("case %zu: %s", i, cases[i].policy);
	}
}

static void waits_double_up_to_a_minute(void **state)
{
	struct record record = wanted("always");
	int64_t wait;
	static const int64_t expected_ms[] = { 100,  200,   400,   800,   1600,  3200,
					       6400, 12800, 25600, 51200, 60000, 60000 };

	for (size_t i = 0; i < sizeof(expected_ms) / sizeof(*expected_ms); i++) {
		record.failures = (int64_t)i;
		assert_true(restart_decide(&record, &failed, &wait));
		assert_int_equal(wait, expected_ms[i] * MS);
	}
	record.failures = INT64_MAX;
	assert_true(restart_decide(&record, &failed, &wait));
	assert_int_equal(wait, 60000 * MS);
}

static void a_long_run_begins_the_row_anew(void **state)
{
	struct record record = wanted("on-failure:3");
	struct restart_facts facts = failed;
	int64_t wait;

	record.failures = 3;
	assert_false(restart_decide(&record, &facts, &wait));
	facts.started_ns = NOW - 10 * SECOND;
	assert_true(restart_decide(&record, &facts, &wait));
	assert_int_equal(wait, 100 * MS);
}

static void the_clock_may_have_been_set(void **state)
{
	struct record record = wanted("always");
	struct restart_facts facts = failed;
	int64_t wait;

	facts.now_ns = NOW - 86400 * SECOND;
	assert_true(restart_decide(&record, &facts, &wait));
	assert_int_equal(wait, 100 * MS);
	facts.now_ns = NOW + 86400 * SECOND;
	assert_true(restart_decide(&record, &facts, &wait));
	assert_int_equal(wait, 0);
}

static void a_start_that_failed_counts_from_its_own_time(void **state)
{
	struct record record = wanted("always");
	struct restart_facts facts = failed;
	int64_t wait;

	record.failures = 5;
	record.attempted_ns = NOW;
	facts.finished_ns = NOW - 3600 * SECOND;
	facts.started_ns = facts.finished_ns - SECOND;
	assert_true(restart_decide(&record, &facts, &wait));
	assert_int_equal(wait, 3200 * MS);
}

static void what_a_power_cut_ended_is_started_at_once(void **state)
{
	struct record record = wanted("on-failure");
	const struct restart_facts facts = { .exit_code = 137, .now_ns = NOW, .boot_id = "this" };
	int64_t wait = 1;

	assert_true(restart_decide(&record, &facts, &wait));
	assert_int_equal(wait, 0);
}

static void a_health_check_is_chosen_from_user_and_image(void **state)
{
	static const char *const words[] = { "CMD-SHELL", "test -f /ok", NULL };
	static const char *image_words[] = { "CMD", "probe", "-x", NULL };
	const struct image_healthcheck image = { .test = { image_words, 3 },
						 .interval_ns = { true, 5 * SECOND },
						 .retries = { true, 9 } };
	struct lxcri_healthcheck asked = { .timeout_ns = 2 * SECOND };
	struct health_check check = {};
	struct lxcri_error err = {};
	char *text = NULL;

	assert_int_equal(health_choose(NULL, NULL, &text, &err), 0);
	assert_null(text);
	assert_int_equal(health_choose(&asked, &image, &text, &err), 0);
	assert_int_equal(health_check_parse(text, &check, &err), 0);
	free(text);
	assert_int_equal(check.command.count, 2);
	assert_string_equal(check.command.items[0], "probe");
	assert_int_equal(check.interval_ns, 5 * SECOND);
	assert_int_equal(check.timeout_ns, 2 * SECOND);
	assert_int_equal(check.retries, 9);
	health_check_finish(&check);
	asked.test = words;
	assert_int_equal(health_choose(&asked, &image, &text, &err), 0);
	assert_int_equal(health_check_parse(text, &check, &err), 0);
	free(text);
	assert_string_equal(check.command.items[2], "test -f /ok");
	assert_int_equal(check.interval_ns, 30 * SECOND);
	assert_int_equal(check.retries, 3);
	health_check_finish(&check);
	asked.off = true;
	assert_int_equal(health_choose(&asked, &image, &text, &err), 0);
	assert_null(text);
}

static void a_damaged_health_check_is_told(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"command\":[\"x\"]}",
		"{\"command\":[],\"interval\":1000000000,\"timeout\":1000000000,\"retries\":1,"
		"\"onFailure\":\"none\"}",
		"{\"command\":[\"x\"],\"interval\":0,\"timeout\":1000000000,\"retries\":1,"
		"\"onFailure\":\"none\"}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct health_check check = {};
		struct lxcri_error err = {};

		assert_true(health_check_parse(bad[i], &check, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_is_one_of_four_words),
		cmocka_unit_test(each_policy_decides_by_the_end_and_the_user),
		cmocka_unit_test(waits_double_up_to_a_minute),
		cmocka_unit_test(a_long_run_begins_the_row_anew),
		cmocka_unit_test(the_clock_may_have_been_set),
		cmocka_unit_test(a_start_that_failed_counts_from_its_own_time),
		cmocka_unit_test(what_a_power_cut_ended_is_started_at_once),
		cmocka_unit_test(a_health_check_is_chosen_from_user_and_image),
		cmocka_unit_test(a_damaged_health_check_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
