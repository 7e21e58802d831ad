/* SPDX-License-Identifier: MIT */
#include "cli/print.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	struct print_table table = { .columns = 2 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	strings_add(&table.cells, "ID");
	strings_add(&table.cells, "NAME");
	strings_add(&table.cells, "gr\xc3\xbc\xc3\x9f");
	strings_add(&table.cells, "a\033[31mb\n");
	print_table_finish(&table, out);
	(void)fclose(out);
	assert_string_equal(text, "ID    NAME\ngr\xc3\xbc\xc3\x9f  a [31mb \n");
	free(text);
}

static void a_duration_is_told_in_its_largest_unit(void **state)
{
	static const struct {
		int64_t seconds;
		const char *expected;
	} cases[] = {
		{ -5, "0 seconds" },     { 1, "1 second" },      { 119, "119 seconds" },
		{ 120, "2 minutes" },    { 5400, "90 minutes" }, { 7200, "2 hours" },
		{ 172800, "2 days" },    { 1209600, "2 weeks" }, { 5184000, "2 months" },
		{ 94608000, "3 years" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = print_duration(cases[i].seconds * 1000000000);

		assert_string_equal(text, cases[i].expected);
		free(text);
	}
}

static void a_size_has_three_digits(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *expected;
	} cases[] = {
		{ 0, "0B" },           { 999, "999B" },   { 1000, "1kB" },
		{ 1234567, "1.23MB" }, { 999999, "1MB" }, { 1ull << 40, "1.1TB" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = print_size(cases[i].bytes);

		assert_string_equal(text, cases[i].expected);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(a_duration_is_told_in_its_largest_unit),
		cmocka_unit_test(a_size_has_three_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
