/* SPDX-License-Identifier: MIT */
#include "image/layer/layer_path.h"

#include "base/mem.h"
#include "test.h"

#include <string.h>

static void assert_path(const char *raw, enum layer_path_kind kind, const char *dir,
			const char *name)
{
	autorun(layer_path_finish) struct layer_path path = {};
	struct lxcri_error err = {};

	assert_int_equal(layer_path_parse(raw, &path, &err), 0);
	assert_int_equal(path.kind, kind);
	assert_string_equal(path.dir, dir);
	if (name)
		assert_string_equal(path.name, name);
	else
		assert_null(path.name);
}

static void assert_refused(const char *raw, enum lxcri_code code)
{
	struct layer_path path = { .name = (char *)"untouched" };
	struct lxcri_error err = {};

	assert_int_equal(layer_path_parse(raw, &path, &err), -1);
	assert_int_equal(err.code, code);
	assert_string_equal(path.name, "untouched");
}

static void names_lose_what_means_nothing(void **state)
{
	assert_path("a", LAYER_NODE, "", "a");
	assert_path("./a/b", LAYER_NODE, "a", "b");
	assert_path("a//b/./c/", LAYER_NODE, "a/b", "c");
	assert_path("/etc/passwd", LAYER_NODE, "etc", "passwd");
	assert_path("a/...", LAYER_NODE, "a", "...");
	assert_path("a/..b", LAYER_NODE, "a", "..b");
	assert_path("new\nline", LAYER_NODE, "", "new\nline");
}

static void every_spelling_of_the_root_is_the_root(void **state)
{
	static const char *const spellings[] = { "", ".", "/", "./", "//", "././/", "/." };

	for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
		assert_path(spellings[i], LAYER_ROOT, "", NULL);
}

static void nothing_leads_upwards(void **state)
{
	static const char *const spellings[] = { "..",     "../a",   "a/..",          "a/../b",
						 "/..",    "./../x", "a/.wh.x/../..", ".wh./..",
						 "a/..//b" };

	for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
		assert_refused(spellings[i], LXCRI_E_EXTRACT_FAILED);
}

static void whiteouts_name_what_they_hide(void **state)
{
	assert_path("a/.wh.b", LAYER_WHITEOUT, "a", "b");
	assert_path(".wh.b", LAYER_WHITEOUT, "", "b");
	assert_path(".wh....", LAYER_WHITEOUT, "", "...");
	assert_path("a/b/.wh..wh..opq", LAYER_OPAQUE, "a/b", NULL);
	assert_path(".wh..wh..opq", LAYER_OPAQUE, "", NULL);
	assert_path(".wh..wh.plnk", LAYER_IGNORED, "", NULL);
	assert_path(".wh..wh.plnk/12.3", LAYER_IGNORED, ".wh..wh.plnk", NULL);
	assert_path(".whatever", LAYER_NODE, "", ".whatever");
}

static void a_whiteout_that_hides_no_name_is_refused(void **state)
{
	assert_refused(".wh.", LXCRI_E_EXTRACT_FAILED);
	assert_refused("a/.wh..", LXCRI_E_EXTRACT_FAILED);
	assert_refused("a/.wh...", LXCRI_E_EXTRACT_FAILED);
	assert_refused(".wh.a/b", LXCRI_E_EXTRACT_FAILED);
	assert_refused("a/.wh.b/c", LXCRI_E_EXTRACT_FAILED);
}

static void a_link_target_may_look_like_a_whiteout(void **state)
{
	autorun(layer_path_finish) struct layer_path path = {};
	struct lxcri_error err = {};

	assert_int_equal(layer_path_parse_link("/a/.wh.b", &path, &err), 0);
	assert_int_equal(path.kind, LAYER_NODE);
	assert_string_equal(path.name, ".wh.b");
	layer_path_finish(&path);
	assert_int_equal(layer_path_parse_link("a/../../b", &path, &err), -1);
	assert_int_equal(err.code, LXCRI_E_EXTRACT_FAILED);
}

static char *repeat(const char *piece, size_t times)
{
	char *text = xcalloc(strlen(piece) * times + 1, 1);

	for (size_t i = 0; i < times; i++)
		strcpy(text + i * strlen(piece), piece);
	return text;
}

static void lengths_end_at_what_the_kernel_takes(void **state)
{
	autofree char *name = repeat("n", LAYER_NAME_MAX);
	autofree char *long_name = repeat("n", LAYER_NAME_MAX + 1);
	autofree char *deep = repeat("d/", LAYER_DEPTH_MAX);
	autofree char *deeper = repeat("d/", LAYER_DEPTH_MAX + 1);
	autofree char *too_long = repeat("/", LAYER_PATH_MAX + 1);
	autorun(layer_path_finish) struct layer_path path = {};
	struct lxcri_error err = {};

	assert_path(name, LAYER_NODE, "", name);
	assert_refused(long_name, LXCRI_E_EXTRACT_FAILED);
	assert_int_equal(layer_path_parse(deep, &path, &err), 0);
	assert_refused(deeper, LXCRI_E_LIMIT_EXCEEDED);
	assert_refused(too_long, LXCRI_E_LIMIT_EXCEEDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lose_what_means_nothing),
		cmocka_unit_test(every_spelling_of_the_root_is_the_root),
		cmocka_unit_test(nothing_leads_upwards),
		cmocka_unit_test(whiteouts_name_what_they_hide),
		cmocka_unit_test(a_whiteout_that_hides_no_name_is_refused),
		cmocka_unit_test(a_link_target_may_look_like_a_whiteout),
		cmocka_unit_test(lengths_end_at_what_the_kernel_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
