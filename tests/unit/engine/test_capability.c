/* SPDX-License-Identifier: MIT */
#include "engine/bundle/capability.h"
#include "test.h"

#include <errno.h>
#include <string.h>

static capability_set choose(const char *const *add, const char *const *drop)
{
	capability_set set = 0;
	struct lxcri_error err = {};

	assert_int_equal(capability_choose(add, drop, &set, &err), 0);
	return set;
}

static void nothing_asked_for_means_dockers_fourteen(void **state)
{
	autojson array = capability_format(choose(NULL, NULL));

	assert_int_equal(json_object_array_length(array), 14);
	assert_string_equal(json_object_get_string(json_object_array_get_idx(array, 0)),
			    "CAP_CHOWN");
	assert_false(capability_has(choose(NULL, NULL), "CAP_SYS_ADMIN"));
}

static void what_is_dropped_goes_and_what_is_added_comes(void **state)
{
	static const char *const all[] = { "all", NULL };
	static const char *const kill[] = { "CAP_KILL", NULL };
	static const char *const admin[] = { "sys_admin", NULL };

	assert_false(capability_has(choose(NULL, kill), "CAP_KILL"));
	assert_true(capability_has(choose(NULL, kill), "CAP_CHOWN"));
	assert_true(capability_has(choose(admin, NULL), "CAP_SYS_ADMIN"));
	assert_true(choose(NULL, all) == 0);
	assert_true(choose(kill, all) == UINT64_C(1) << capability_parse("KILL"));
	assert_true(capability_has(choose(kill, kill), "CAP_KILL"));
	assert_true(capability_has(choose(all, kill), "CAP_SYS_ADMIN"));
	assert_false(capability_has(choose(all, kill), "CAP_KILL"));
}

static void an_unknown_capability_is_refused_by_name(void **state)
{
	static const char *const bad[] = { "CAP_FLY", NULL };
	capability_set set = 7;
	struct lxcri_error err = {};

	assert_true(capability_choose(bad, NULL, &set, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "CAP_FLY"));
	assert_true(capability_choose(NULL, bad, &set, &err) < 0);
	assert_true(set == 7);
	assert_int_equal(capability_parse("CAP_"), -EINVAL);
	assert_int_equal(capability_parse(""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_for_means_dockers_fourteen),
		cmocka_unit_test(what_is_dropped_goes_and_what_is_added_comes),
		cmocka_unit_test(an_unknown_capability_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
