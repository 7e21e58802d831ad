/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/json_path.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "test.h"

#include <string.h>

static const struct json_limits small = { 64, 3, 6 };

/* Parses @text with @limits and returns the code of the failure, or LXCRI_E_NONE. */
static enum lxcri_code code_of(const char *text, const struct json_limits *limits,
			       struct lxcri_error *err)
{
	autojson value = NULL;

	*err = (struct lxcri_error){};
	if (json_parse(text, strlen(text), limits, &value, err) == 0)
		assert_int_equal(err->code, LXCRI_E_NONE);
	return err->code;
}

static struct json_object *parse(const char *text)
{
	struct json_object *value = NULL;
	struct lxcri_error err = {};

	assert_int_equal(json_parse(text, strlen(text), &json_limits_spec, &value, &err), 0);
	return value;
}

/* What stands for itself is passed over some bytes at a time. */
static void what_ends_a_run_of_plain_bytes_is_seen_at_any_place(void **state)
{
	static const struct {
		const char *bytes;
		const char *meaning; /* NULL: it is refused */
	} cases[] = { { "\\n", "\n" },    { "\\\"", "\"" }, { "\xc3\xa9", "\xc3\xa9" },
		      { "\x7f", "\x7f" }, { "~", "~" },     { "!#[]", "!#[]" },
		      { "\x01", NULL },   { "\x1f", NULL }, { "\xff", NULL },
		      { "\x80", NULL },   { "\n", NULL } };
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ";
	struct lxcri_error err = {};

	for (size_t before = 0; before < 36; before++)
		for (size_t i = 0; i < ARRAY_LEN(cases); i++)
			for (int behind = 0; behind < 36; behind += 17) {
				autojson value = NULL;
				autofree char *text = xformat("[\"%.*s%s%.*s\"]", (int)before,
							      plain, cases[i].bytes, behind, plain);
				int r = json_parse(text, strlen(text), &json_limits_spec, &value,
						   &err);

				assert_int_equal(r, cases[i].meaning ? 0 : -1);
				if (r < 0)
					continue;

				autofree char *meant = xformat("%.*s%s%.*s", (int)before, plain,
							       cases[i].meaning, behind, plain);

				assert_string_equal(
					json_object_get_string(json_object_array_get_idx(value, 0)),
					meant);
			}
}

static void an_object_may_not_repeat_a_key_however_it_is_written(void **state)
{
	static const char *const repeated[] = {
		"{\"a\":1,\"b\":2,\"a\":3}",
		"{\"a\":1,\"\\u0061\":2}",
		"{\"\xc3\xa9\":1,\"\\u00e9\":2}",
		"{\"\xf0\x9f\x90\xb3\":1,\"\\ud83d\\udc33\":2}",
		"{\"/\":1,\"\\/\":2}",
		"{\"\\n\":1,\"\\u000A\":2}",
		"[{\"x\":{\"\":1,\"\":2}}]",
	};
	struct lxcri_error err;

	for (size_t i = 0; i < ARRAY_LEN(repeated); i++) {
		assert_int_equal(code_of(repeated[i], &json_limits_spec, &err),
				 LXCRI_E_INVALID_JSON);
		assert_non_null(strstr(err.text, "same key twice"));
	}
	assert_int_equal(code_of("{\"a\":{\"a\":1},\"b\":{\"a\":1}}", &json_limits_spec, &err), 0);
	assert_int_equal(code_of("{\"\\\\u00e9\":1,\"\\u00e9\":2}", &json_limits_spec, &err), 0);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		const char *place;
		const char *why;
	} bad[] = {
		{ "", "line 1, column 1", "too early" },
		{ "{}\n{}", "line 2, column 1", "after the end" },
		{ "{\"a\":\n  tru}", "line 2, column 3", "expected a value" },
		{ "[1,]", "line 1, column 4", "expected a value" },
		{ "{\"a\" 1}", "line 1, column 6", "expected ':'" },
		{ "{'a':1}", "line 1, column 2", "expected a string" },
		{ "[01]", "line 1, column 2", "leading zero" },
		{ "[-]", "line 1, column 3", "expected a digit" },
		{ "[1.]", "line 1, column 4", "expected a digit" },
		{ "[1e+]", "line 1, column 5", "expected a digit" },
		{ "[+1]", "line 1, column 2", "expected a value" },
		{ "[NaN]", "line 1, column 2", "expected a value" },
		{ "[\"a", "line 1, column 2", "does not end" },
		{ "[\"a\nb\"]", "line 1, column 4", "control character" },
		{ "[\"\\u0000\"]", "line 1, column 5", "NUL" },
		{ "[\"\\x\"]", "line 1, column 4", "unknown escape" },
		{ "[\"\\u12", "line 1, column 5", "cut short" },
		{ "[\"\\u12g4\"]", "line 1, column 5", "hexadecimal" },
		{ "[\"\\ud83d\"]", "line 1, column 5", "surrogate" },
		{ "[\"\\udc33\"]", "line 1, column 5", "surrogate" },
		{ "[\"\xff\"]", "line 1, column 3", "not UTF-8" },
		{ "[\"\xc0\xaf\"]", "line 1, column 3", "not UTF-8" },
		{ "[\"\xed\xa0\x80\"]", "line 1, column 3", "not UTF-8" },
		{ "[\"\xf4\x90\x80\x80\"]", "line 1, column 3", "not UTF-8" },
		{ "[\"\xe2\x82\"]", "line 1, column 3", "not UTF-8" },
		{ "/**/[]", "line 1, column 1", "expected a value" },
		{ "\xef\xbb\xbf[]", "line 1, column 1", "expected a value" },
		{ "[18446744073709551616]", "line 1, column 2", "64 bits" },
		{ "[-9223372036854775809]", "line 1, column 2", "64 bits" },
	};
	struct lxcri_error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(code_of(bad[i].text, &json_limits_spec, &err),
				 LXCRI_E_INVALID_JSON);
		if (!strstr(err.text, bad[i].place) || !strstr(err.text, bad[i].why))
			fail_msg("%s: %s", bad[i].text, err.text);
	}
}

static void a_nul_byte_is_no_end_of_the_document(void **state)
{
	autojson value = NULL;
	struct lxcri_error err = {};

	assert_true(json_parse("[1]\0", 4, &json_limits_spec, &value, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_JSON);
	assert_true(json_parse("[\"a\0b\"]", 7, &json_limits_spec, &value, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_JSON);
	assert_true(json_parse("[1\0]", 4, &json_limits_spec, &value, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_JSON);
	assert_null(value);
}

static void size_depth_and_number_of_values_are_bounded(void **state)
{
	char large[66];
	struct lxcri_error err;

	assert_int_equal(code_of("[[[1]]]", &small, &err), 0);
	assert_int_equal(code_of("[[[[]]]]", &small, &err), LXCRI_E_LIMIT_EXCEEDED);
	assert_int_equal(code_of("[1,2,3,4,5]", &small, &err), 0);
	assert_int_equal(code_of("[1,2,3,4,5,6]", &small, &err), LXCRI_E_LIMIT_EXCEEDED);
	assert_int_equal(code_of("{\"a\":1,\"b\":2}", &small, &err), 0);
	assert_int_equal(code_of("{\"a\":1,\"b\":2,\"c\":3}", &small, &err),
			 LXCRI_E_LIMIT_EXCEEDED);
	memset(large, ' ', sizeof(large) - 1);
	large[0] = '1';
	large[64] = '\0';
	assert_int_equal(code_of(large, &small, &err), 0);
	large[64] = ' ';
	large[65] = '\0';
	assert_int_equal(code_of(large, &small, &err), LXCRI_E_LIMIT_EXCEEDED);
}

static void json_c_follows_to_the_depth_that_is_allowed(void **state)
{
	autorun(text_finish) struct text text = {};
	struct lxcri_error err;

	for (unsigned int i = 0; i < json_limits_spec.depth_max; i++)
		text_add(&text, "[");
	for (unsigned int i = 0; i < json_limits_spec.depth_max; i++)
		text_add(&text, "]");
	assert_int_equal(code_of(text.data, &json_limits_spec, &err), 0);
}

static void numbers_keep_all_their_bits(void **state)
{
	static const char document[] =
		"{\"u\":18446744073709551615,\"i\":-9223372036854775808,\"d\":1.50,\"s\":\"7\"}";
	autojson value = parse(document);
	autofree char *text = json_format_line(value);

	assert_true(json_get_u64(value, "u", 7) == UINT64_MAX);
	assert_true(json_get_i64(value, "i", 7) == INT64_MIN);
	assert_int_equal(json_get_u64(value, "i", 7), 7);
	assert_int_equal(json_get_i64(value, "u", 7), 7);
	assert_int_equal(json_get_u64(value, "d", 7), 7);
	assert_int_equal(json_get_u64(value, "s", 8), 8);
	assert_int_equal(json_get_u64(value, "absent", 9), 9);
	assert_string_equal(text, document);
}

static void a_bare_value_is_a_document(void **state)
{
	autojson number = parse(" 12 ");
	autojson last = parse("12");
	autojson text = parse("\"a\"");
	autojson null = parse("null");

	assert_int_equal(json_object_get_int(number), 12);
	assert_int_equal(json_object_get_int(last), 12);
	assert_string_equal(json_object_get_string(text), "a");
	assert_null(null);
}

static void a_path_finds_the_line_of_its_value(void **state)
{
	static const char document[] = "{\n"
				       " \"a\": [ 1,\n"
				       "   { \"b c\":\n"
				       "     2 } ],\n"
				       " \"\\u00e9\\\"\": 3\n"
				       "}\n";
	const size_t size = sizeof(document) - 1;

	assert_int_equal(json_line_of(document, size, ""), 1);
	assert_int_equal(json_line_of(document, size, "a"), 2);
	assert_int_equal(json_line_of(document, size, "a[0]"), 2);
	assert_int_equal(json_line_of(document, size, "a[1]"), 3);
	assert_int_equal(json_line_of(document, size, "a[1][\"b c\"]"), 4);
	assert_int_equal(json_line_of(document, size, "[\"\xc3\xa9\\\"\"]"), 5);
	assert_int_equal(json_line_of(document, size, "a[2]"), 0);
	assert_int_equal(json_line_of(document, size, "b"), 0);
}

static void a_path_that_is_written_can_be_read(void **state)
{
	static const char *const keys[] = { "plain", "a b", "", "\"", "\\", "a\"]b", "x.y", "[0]" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		autojson root = json_object_new_object();
		autofree char *above = json_path_key("", "top");
		autofree char *path = json_path_key(above, keys[i]);
		autofree char *item = json_path_index(path, 1);
		struct lxcri_error err = {};

		assert_int_equal(json_path_set(root, path, parse("[5,6]"), &err), 0);
		assert_int_equal(json_object_get_int(json_path_find(root, item)), 6);
		assert_non_null(json_get(json_get(root, "top"), keys[i]));
	}
}

static void an_edit_makes_what_is_missing_on_the_way(void **state)
{
	autojson root = parse("{\"a\":[1]}");
	struct lxcri_error err = {};

	assert_int_equal(json_path_set(root, "b.c[0].d", parse("true"), &err), 0);
	assert_int_equal(json_path_set(root, "a[1]", parse("2"), &err), 0);
	assert_int_equal(json_path_set(root, "a[0]", NULL, &err), 0);
	assert_int_equal(json_path_set(root, "not.there", NULL, &err), 0);

	autofree char *text = json_format_line(root);

	assert_string_equal(text, "{\"a\":[2],\"b\":{\"c\":[{\"d\":true}]}}");
}

static void a_bad_path_is_an_invalid_argument(void **state)
{
	static const char *const bad[] = { "",
					   ".a",
					   "a.",
					   "a..b",
					   "a[",
					   "a[]",
					   "a[-1]",
					   "a[0",
					   "a[\"b]",
					   "a[\"b\"",
					   "a b",
					   "a[0]b",
					   "a[5]",
					   "s.x",
					   "s[0]",
					   "[0]",
					   "a.word",
					   "a[01]",
					   "a[99999999999999999999]" };
	autojson root = parse("{\"a\":[1],\"s\":\"text\"}");

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct lxcri_error err = {};

		assert_true(json_path_set(root, bad[i], parse("1"), &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
	}
	assert_null(json_path_find(root, "a["));
	assert_null(json_path_find(root, "a[1]"));
	assert_ptr_equal(json_path_find(root, ""), root);
}

static void a_value_may_hold_nul_where_that_is_allowed_and_a_key_never(void **state)
{
	const struct json_limits limits = {
		.bytes_max = 100, .depth_max = 3, .values_max = 10, .allows_nul = true
	};
	static const char good[] = "{\"env\":\"a=1\\u0000b=2\"}";
	static const char bad[] = "{\"a\\u0000b\":1}";
	autojson value = NULL;
	struct lxcri_error err = {};

	assert_int_equal(json_parse(good, strlen(good), &limits, &value, &err), 0);
	assert_int_equal(json_object_get_string_len(json_get(value, "env")), 7);
	assert_memory_equal(json_get_text(value, "env"), "a=1\0b=2", 8);
	json_freep(&value);
	assert_int_equal(json_parse(bad, strlen(bad), &limits, &value, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INVALID_JSON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_may_hold_nul_where_that_is_allowed_and_a_key_never),
		cmocka_unit_test(what_ends_a_run_of_plain_bytes_is_seen_at_any_place),
		cmocka_unit_test(an_object_may_not_repeat_a_key_however_it_is_written),
		cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
		cmocka_unit_test(a_nul_byte_is_no_end_of_the_document),
		cmocka_unit_test(size_depth_and_number_of_values_are_bounded),
		cmocka_unit_test(json_c_follows_to_the_depth_that_is_allowed),
		cmocka_unit_test(numbers_keep_all_their_bits),
		cmocka_unit_test(a_bare_value_is_a_document),
		cmocka_unit_test(a_path_finds_the_line_of_its_value),
		cmocka_unit_test(a_path_that_is_written_can_be_read),
		cmocka_unit_test(an_edit_makes_what_is_missing_on_the_way),
		cmocka_unit_test(a_bad_path_is_an_invalid_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
