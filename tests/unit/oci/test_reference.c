/* SPDX-License-Identifier: MIT */
#include "oci/reference.h"
#include "base/scope.h"
#include "base/text.h"
#include "test.h"

#include <string.h>

#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64

static void a_name_is_completed_as_docker_completes_it(void **state)
{
	static const struct {
		const char *text;
		const char *whole;
	} names[] = {
		{ "busybox", "docker.io/library/busybox:latest" },
		{ "busybox:1.36", "docker.io/library/busybox:1.36" },
		{ "user/app", "docker.io/user/app:latest" },
		{ "docker.io/busybox", "docker.io/library/busybox:latest" },
		{ "index.docker.io/busybox", "docker.io/library/busybox:latest" },
		{ "docker.io/a/b/c:T", "docker.io/a/b/c:T" },
		{ "localhost/x", "localhost/x:latest" },
		{ "localhost:5000/x:y", "localhost:5000/x:y" },
		{ "localhost:5000", "docker.io/library/localhost:5000" },
		{ "example.org/x", "example.org/x:latest" },
		{ "Example/x", "Example/x:latest" },
		{ "[::1]:5000/x", "[::1]:5000/x:latest" },
		{ "10.0.0.1:80/x", "10.0.0.1:80/x:latest" },
		{ "a__b/c-d--e.f_g:v1", "docker.io/a__b/c-d--e.f_g:v1" },
		{ "busybox@" DIGEST, "docker.io/library/busybox@" DIGEST },
		{ "busybox:1@" DIGEST, "docker.io/library/busybox:1@" DIGEST },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autorun(image_ref_finish) struct image_ref ref = {};
		autorun(image_ref_finish) struct image_ref again = {};
		struct lxcri_error err = {};

		assert_int_equal(image_ref_parse(names[i].text, &ref, &err), 0);

		autofree char *whole = image_ref_format(&ref);

		assert_string_equal(whole, names[i].whole);
		assert_int_equal(image_ref_parse(whole, &again, &err), 0);

		autofree char *twice = image_ref_format(&again);

		assert_string_equal(twice, whole);
	}
}

static void a_reference_falls_into_four_pieces(void **state)
{
	autorun(image_ref_finish) struct image_ref ref = {};
	struct lxcri_error err = {};

	assert_int_equal(image_ref_parse("reg.example:5000/a/b:v2@" DIGEST, &ref, &err), 0);
	assert_string_equal(ref.host, "reg.example:5000");
	assert_string_equal(ref.path, "a/b");
	assert_string_equal(ref.tag, "v2");
	assert_string_equal(ref.digest, DIGEST);
}

static void a_bad_reference_leaves_the_result_alone(void **state)
{
	static const char *const bad[] = {
		"",          "/",        "/x",      "x/",       "a//b",        "Busybox",
		"a/B",       ":tag",     "x:",      "x:.tag",   "x:-tag",      "x:a/b:",
		"x:t g",     "x y",      "x\n",     "x\t",      "..",          "../x",
		"a/../b",    "a/./b",    "-x",      "x-",       "x_",          "x.",
		"x..y",      "x___y",    "x._y",    "a.b:/x",   "a.b:0/x",     "a.b:65536/x",
		"a.b:80a/x", "a..b/x",   ".a/x",    "a.-b/x",   "a-.b/x",      "[::1/x",
		"[]/x",      "[::1]x/x", "a_b.c/x", "http://x", "x:t\xc3\xa9", "x%2fy",
		"a.b/",      "x\x7f",    "x?y",     HEX64,      "x#y",         "x\\y",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct image_ref ref = { .tag = (char *)"untouched" };
		struct lxcri_error err = {};

		if (image_ref_parse(bad[i], &ref, &err) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(err.code, LXCRI_E_INVALID_REFERENCE);
		assert_string_equal(ref.tag, "untouched");
	}
}

static void a_bad_digest_has_its_own_code(void **state)
{
	static const char *const bad[] = { "x@", "x@sha256:00", "x@" DIGEST "@" DIGEST,
					   "x@latest" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct image_ref ref = {};
		struct lxcri_error err = {};

		assert_true(image_ref_parse(bad[i], &ref, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_DIGEST);
	}
}

/* Returns what comes of @before, @count letters, and @after. */
static int parse_long(const char *before, size_t count, const char *after)
{
	autorun(text_finish) struct text text = {};
	autorun(image_ref_finish) struct image_ref ref = {};
	struct lxcri_error err = {};

	text_add(&text, before);
	while (count--)
		text_add(&text, "a");
	text_add(&text, after);
	return image_ref_parse(text.data, &ref, &err);
}

static void lengths_are_bounded(void **state)
{
	assert_int_equal(parse_long("a:", 128, ""), 0);
	assert_true(parse_long("a:", 129, "") < 0);
	assert_int_equal(parse_long("a.b/", 251, ""), 0);
	assert_true(parse_long("a.b/", 252, "") < 0);
	assert_true(parse_long("", 256, ".b/x") < 0);
	assert_true(parse_long("", 1 << 20, "") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_completed_as_docker_completes_it),
		cmocka_unit_test(a_reference_falls_into_four_pieces),
		cmocka_unit_test(a_bad_reference_leaves_the_result_alone),
		cmocka_unit_test(a_bad_digest_has_its_own_code),
		cmocka_unit_test(lengths_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
