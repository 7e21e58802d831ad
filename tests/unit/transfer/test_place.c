/* SPDX-License-Identifier: MIT */
#include "transfer/place.h"

#include "base/scope.h"
#include "os/path.h"
#include "test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char top_path[] = "/tmp/lxcri-place-XXXXXX";
static int top = -1;

static int make_top(void **state)
{
	if (!mkdtemp(top_path))
		return -1;
	top = open(top_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(top, "dir", 0755) < 0 || mknodat(top, "file", S_IFREG | 0644, 0) < 0 ||
	    symlinkat("/dir", top, "to-dir") < 0 || symlinkat("file", top, "to-file") < 0 ||
	    symlinkat("dir/../../../dir/new", top, "to-new") < 0 ||
	    symlinkat("/etc/passwd", top, "out") < 0 || symlinkat("loop", top, "loop") < 0)
		return -1;
	return 0;
}

static int remove_top(void **state)
{
	closep(&top);
	return path_remove_tree(AT_FDCWD, top_path);
}

/* Asserts that @path leads to @name in the directory @dir, or with NULL to that directory. */
static void leads_to(const char *path, const char *dir, const char *name)
{
	autorun(place_finish) struct place place = PLACE_NULL;
	struct lxcri_error err = {};
	struct stat found;
	struct stat wanted;

	assert_int_equal(place_find(top, path, &place, &err), 0);
	assert_int_equal(fstat(place.dir, &found), 0);
	assert_int_equal(fstatat(top, dir, &wanted, 0), 0);
	assert_int_equal(found.st_ino, wanted.st_ino);
	if (name)
		assert_string_equal(place.name, name);
	else
		assert_null(place.name);
}

static void a_path_leads_below_the_root(void **state)
{
	leads_to("/", ".", NULL);
	leads_to("dir", "dir", NULL);
	leads_to("/../../dir/", "dir", NULL);
	leads_to("/file", ".", "file");
	leads_to("/dir/new", "dir", "new");
	leads_to("/dir/new/", "dir", "new");
}

static void links_are_followed_inside_the_root_only(void **state)
{
	leads_to("/to-dir", "dir", NULL);
	leads_to("/to-dir/x", "dir", "x");
	leads_to("/to-file", ".", "file");
	leads_to("/to-new", "dir", "new");
}

static void what_leads_nowhere_is_said(void **state)
{
	static const struct {
		const char *path;
		enum lxcri_code code;
	} cases[] = {
		{ "/no/such", LXCRI_E_PATH_NOT_FOUND },     { "/out", LXCRI_E_PATH_NOT_FOUND },
		{ "/file/x", LXCRI_E_INVALID_ARGUMENT },    { "/file/", LXCRI_E_INVALID_ARGUMENT },
		{ "/dir/none/..", LXCRI_E_PATH_NOT_FOUND }, { "/loop", LXCRI_E_COPY_FAILED },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct place place = { .dir = -7 };
		struct lxcri_error err = {};

		assert_true(place_find(top, cases[i].path, &place, &err) < 0);
		assert_int_equal(err.code, cases[i].code);
		assert_int_equal(place.dir, -7);
	}
}

static void the_name_of_a_path_is_its_last(void **state)
{
	autofree char *plain = place_name_of("/a/b");
	autofree char *slashes = place_name_of("b//");

	assert_string_equal(plain, "b");
	assert_string_equal(slashes, "b");
	assert_null(place_name_of("/"));
	assert_null(place_name_of("a/."));
	assert_null(place_name_of(".."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_leads_below_the_root),
		cmocka_unit_test(links_are_followed_inside_the_root_only),
		cmocka_unit_test(what_leads_nowhere_is_said),
		cmocka_unit_test(the_name_of_a_path_is_its_last),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
