/* SPDX-License-Identifier: MIT */
#include "engine/service/probe.h"

#include "base/mem.h"
#include "base/scope.h"

#include "test.h"

#include <string.h>

static const char *const command[] = { "true", NULL };

/* The probes of a record that asks @asked. */
static void read_back(const struct lxcri_probes *asked, struct probes *ret)
{
	autofree char *text = NULL;
	struct lxcri_error err = {};

	assert_int_equal(probes_choose(asked, &text, &err), 0);
	assert_int_equal(probes_parse(text, ret, &err), 0);
}

static void numbers_that_are_not_given_are_those_of_kubernetes(void **state)
{
	const struct lxcri_probe asked = { .command = command };
	autorun(probes_finish) struct probes probes = {};

	read_back(&(struct lxcri_probes){ .liveness = &asked, .grace_seconds = 7 }, &probes);

	const struct probe *probe = &probes.of[PROBE_LIVENESS];

	assert_true(probe->is_there && !probes.of[PROBE_STARTUP].is_there);
	assert_int_equal(probe->delay_seconds, 0);
	assert_int_equal(probe->period_seconds, 10);
	assert_int_equal(probe->timeout_seconds, 1);
	assert_int_equal(probe->successes, 1);
	assert_int_equal(probe->failures, 3);
	assert_int_equal(probe->grace_seconds, 7);
}

static void what_cannot_be_asked_is_refused(void **state)
{
	static const char *const split[] = { "A: b\r\nC: d", NULL };
	static const char *const nameless[] = { ": b", NULL };
	static const struct lxcri_probe bad[] = {
		{ .by = LXCRI_PROBE_EXEC },
		{ .by = LXCRI_PROBE_TCP },
		{ .by = LXCRI_PROBE_TCP, .port = 80, .address = "example.org" },
		{ .by = LXCRI_PROBE_TCP, .port = 80, .period_seconds = 90000 },
		{ .by = LXCRI_PROBE_TCP, .port = 80, .successes = 2 },
		{ .by = LXCRI_PROBE_HTTP, .port = 80, .path = "/ HTTP/1.1" },
		{ .by = LXCRI_PROBE_HTTP, .port = 80, .headers = split },
		{ .by = LXCRI_PROBE_HTTP, .port = 80, .headers = nameless },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct lxcri_error err = {};
		char *text = NULL;

		assert_true(probes_choose(&(struct lxcri_probes){ .liveness = &bad[i] }, &text,
					  &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
		assert_null(text);
	}
}

static void a_damaged_record_is_told(void **state)
{
	static const char *const bad[] = { "", "[", "{\"liveness\":{}}",
					   "{\"startup\":{\"by\":\"smell\",\"period\":1}}" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct probes probes = {};
		struct lxcri_error err = {};

		assert_true(probes_parse(bad[i], &probes, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
	}
}

static void answers_count_in_a_row(void **state)
{
	const struct probe probe = { .successes = 2, .failures = 3 };
	struct probe_result result = {};

	(void)probe_take(&probe, PROBE_READINESS, true, &result);
	assert_false(result.is_good);
	(void)probe_take(&probe, PROBE_READINESS, false, &result);
	(void)probe_take(&probe, PROBE_READINESS, true, &result);
	assert_false(result.is_good);
	(void)probe_take(&probe, PROBE_READINESS, true, &result);
	assert_true(result.is_good);
	for (int i = 0; i < 2; i++)
		assert_int_equal(probe_take(&probe, PROBE_LIVENESS, false, &result), PROBE_GO_ON);
	assert_true(result.is_good);
	assert_int_equal(probe_take(&probe, PROBE_LIVENESS, false, &result), PROBE_END);
	assert_false(result.is_good);
	assert_true(result.is_bad);
	/* Nobody is ended for not being ready. */
	assert_int_equal(probe_take(&probe, PROBE_READINESS, false, &result), PROBE_GO_ON);
}

static void what_is_not_asked_is_good(void **state)
{
	struct probes probes = { .of = { [PROBE_STARTUP] = { .is_there = true, .failures = 3 } } };
	struct probes_state seen = {};

	probes_state_begin(&probes, 5, &seen);
	assert_int_equal(probes_judge(&seen), PROBES_STARTING);
	seen.of[PROBE_STARTUP].is_good = true;
	assert_int_equal(probes_judge(&seen), PROBES_READY);
	probes.of[PROBE_READINESS] = (struct probe){ .is_there = true, .failures = 2 };
	probes_state_begin(&probes, 6, &seen);
	seen.of[PROBE_STARTUP].is_good = true;
	assert_int_equal(probes_judge(&seen), PROBES_STARTING);
	seen.of[PROBE_READINESS].is_bad = true;
	assert_int_equal(probes_judge(&seen), PROBES_UNREADY);
}

static void a_line_is_an_answer_by_its_status(void **state)
{
	static const struct {
		const char *line;
		bool is_success;
	} lines[] = {
		{ "HTTP/1.1 200 OK\r\n", true }, { "HTTP/1.0 399\n", true },
		{ "HTTP/1.1 400 Bad", false },   { "HTTP/1.1 100 Continue", false },
		{ "HTTP/1.1 2000", false },      { "HTTP/2 200", false },
		{ "HTTP/1.1 20", false },        { "", false },
		{ "SSH-2.0-OpenSSH", false },
	};
	char shown[] = "220 \x1b[31m\xff\n";

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		autofree char *line = xstrdup(lines[i].line);

		assert_int_equal(probe_judge_line(line), lines[i].is_success);
	}
	assert_false(probe_judge_line(shown));
	assert_string_equal(shown, "220 ?[31m?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_that_are_not_given_are_those_of_kubernetes),
		cmocka_unit_test(what_cannot_be_asked_is_refused),
		cmocka_unit_test(a_damaged_record_is_told),
		cmocka_unit_test(answers_count_in_a_row),
		cmocka_unit_test(what_is_not_asked_is_good),
		cmocka_unit_test(a_line_is_an_answer_by_its_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
