/* SPDX-License-Identifier: MIT */
#include "os/helper.h"

#include "base/mem.h"
#include "base/scope.h"
#include "test.h"

#include <limits.h>
#include <string.h>

static void a_helper_stands_beside_the_program(void **state)
{
	char self[PATH_MAX] = "";

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);

	autofree char *found = helper_path(strrchr(self, '/') + 1);

	assert_string_equal(found, self);
}

static void a_helper_that_is_not_there_is_the_installed_one(void **state)
{
	autofree char *found = helper_path("no-such-helper");

	assert_string_equal(found, LXCRI_HELPER_DIR "/no-such-helper");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_helper_stands_beside_the_program),
		cmocka_unit_test(a_helper_that_is_not_there_is_the_installed_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
