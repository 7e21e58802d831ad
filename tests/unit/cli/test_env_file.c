/* SPDX-License-Identifier: MIT */
#include "cli/request/env_file.h"
#include "test.h"

#include <string.h>

static void a_line_is_a_variable_a_comment_or_nothing(void **state)
{
	static const char text[] = "# comment\n\nA=1\r\n  B=two words # and this\nC\nD=\nE=a=b";
	static const char *const expected[] = { "A=1", "B=two words # and this", "C",
						"D=", "E=a=b" };
	struct strings env = {};
	struct lxcri_error err = {};

	assert_int_equal(env_file_parse(text, sizeof(text) - 1, "f", &env, &err), 0);
	assert_int_equal(env.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(env.items[i], expected[i]);
	strings_finish(&env);
}

static void a_malformed_line_is_named(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *expected;
	} cases[] = {
		{ "A=1\n=2\n", 7, "f:2: no name" },
		{ "\n\nA B=1", 7, "f:3: the name has a space" },
		{ "A\tB=1", 5, "f:1: the name has a space" },
		{ "A=1\0B", 5, "f: has a NUL" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct strings env = {};
		struct lxcri_error err = {};

		assert_int_equal(env_file_parse(cases[i].text, cases[i].size, "f", &env, &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
		assert_non_null(strstr(err.text, cases[i].expected));
		strings_finish(&env);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_variable_a_comment_or_nothing),
		cmocka_unit_test(a_malformed_line_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
