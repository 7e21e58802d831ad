/* SPDX-License-Identifier: MIT */
#include "net/ruleset_chains.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

static void there_is_a_chain_for_whatever_number_is_asked_for(void **state)
{
	struct text text = {};

	ruleset_chains_add_picks(&text);
	for (size_t targets = 1; targets <= 1000; targets++) {
		char name[RULESET_CHAIN_NAME_MAX + 8];

		(void)snprintf(name, sizeof(name), "chain pick%u {", ruleset_chains_slots(targets));
		assert_non_null(strstr(text.data, name));
		(void)snprintf(name, sizeof(name), "chain stick%u {",
			       ruleset_chains_slots(targets));
		assert_non_null(strstr(text.data, name));
		assert_true(ruleset_chains_slots(targets) >= targets);
		assert_true(ruleset_chains_slots(targets) <= RULESET_SLOTS_MAX);
	}
	text_finish(&text);
}

static void a_time_is_never_shorter_than_what_is_asked_for(void **state)
{
	struct text text = {};

	ruleset_chains_add_keeps(&text);
	for (unsigned int seconds = 1; seconds <= 86400; seconds += seconds < 100 ? 1 : 97) {
		char name[RULESET_CHAIN_NAME_MAX + 8];

		assert_true(ruleset_chains_seconds(seconds) >= seconds);
		(void)snprintf(name, sizeof(name), "chain keep%u {",
			       ruleset_chains_seconds(seconds));
		assert_non_null(strstr(text.data, name));
	}
	assert_int_equal(ruleset_chains_seconds(10800), 10800);
	assert_int_equal(ruleset_chains_seconds(31), 60);
	text_finish(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_a_chain_for_whatever_number_is_asked_for),
		cmocka_unit_test(a_time_is_never_shorter_than_what_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
