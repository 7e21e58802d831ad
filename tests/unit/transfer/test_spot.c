/* SPDX-License-Identifier: MIT */
#include "transfer/spot.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/path.h"
#include "test.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static void names_lose_what_means_nothing(void **state)
{
	static const char *const cases[][2] = {
		{ "a/b", "a/b" }, { "./a//b/", "a/b" }, { "/etc/passwd", "etc/passwd" },
		{ "./", "" },     { "/", "" },          { "a/./b/...", "a/b/..." },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *clean = spot_clean(cases[i][0]);

		assert_non_null(clean);
		assert_string_equal(clean, cases[i][1]);
	}
}

static void names_that_lead_out_are_refused(void **state)
{
	autofree char *endless = xzalloc(PATH_MAX + 1);

	memset(endless, 'a', PATH_MAX);
	assert_null(spot_clean(".."));
	assert_null(spot_clean("a/../b"));
	assert_null(spot_clean("a/.."));
	assert_null(spot_clean(""));
	assert_null(spot_clean(endless));
}

static void a_symlink_on_the_way_ends_it(void **state)
{
	char path[] = "/tmp/lxcri-spot-XXXXXX";
	autorun(spot_finish) struct spot spot = SPOT_NULL;
	const uid_t owner[2] = { getuid(), getgid() };
	struct lxcri_error err = {};

	assert_non_null(mkdtemp(path));

	autoclose int top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(symlinkat("/etc", top, "link"), 0);
	assert_true(spot_find(top, "link/passwd", owner, &spot, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_EXTRACT_FAILED);
	assert_int_equal(spot_find(top, "new/dir/file", owner, &spot, &err), 0);
	assert_string_equal(spot.name, "file");
	assert_int_equal(spot_look(&spot), SPOT_FREE);
	assert_int_equal(faccessat(top, "new/dir", F_OK, 0), 0);
	assert_int_equal(path_remove_tree(AT_FDCWD, path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lose_what_means_nothing),
		cmocka_unit_test(names_that_lead_out_are_refused),
		cmocka_unit_test(a_symlink_on_the_way_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
