/* SPDX-License-Identifier: MIT */
/* Limits that are laid over others. */

#include "engine/limits/resources.h"

#include "base/mem.h"
#include "test.h"

#include <string.h>

static void assert_merged(const char *base, const char *patch, const char *expected)
{
	struct lxcri_error err = {};
	autojson into = NULL;
	autojson from = NULL;

	assert_int_equal(resources_parse(base, &into, &err), 0);
	assert_int_equal(resources_parse(patch, &from, &err), 0);
	resources_merge(into, from);

	autofree char *text = json_format_line(into);

	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, expected);
}

static void what_is_not_given_stays(void **state)
{
	assert_merged("{\"memory\":{\"limit\":5,\"swap\":6}}",
		      "{\"memory\":{\"limit\":4,\"swap\":0},\"pids\":{\"limit\":9}}",
		      "{\"memory\":{\"limit\":4,\"swap\":6},\"pids\":{\"limit\":9}}");
	assert_merged("{\"memory\":{\"swappiness\":5}}", "{\"memory\":{\"swappiness\":0}}",
		      "{\"memory\":{\"swappiness\":0}}");
}

static void a_device_is_named_once(void **state)
{
	assert_merged("{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,"
		      "\"rate\":1},{\"major\":8,\"minor\":16,\"rate\":2}]}}",
		      "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":16,"
		      "\"rate\":3},{\"major\":8,\"minor\":32,\"rate\":4}]}}",
		      "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,"
		      "\"rate\":1},{\"major\":8,\"minor\":16,\"rate\":3},{\"major\":8,"
		      "\"minor\":32,\"rate\":4}]}}");
	assert_merged("{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}]}",
		      "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":7}]}",
		      "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":7}]}");
}

static void memory_without_a_limit_has_none_with_swap(void **state)
{
	assert_merged("{\"memory\":{\"limit\":5,\"swap\":6}}", "{\"memory\":{\"limit\":-1}}",
		      "{\"memory\":{\"limit\":-1,\"swap\":-1}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_given_stays),
		cmocka_unit_test(a_device_is_named_once),
		cmocka_unit_test(memory_without_a_limit_has_none_with_swap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
