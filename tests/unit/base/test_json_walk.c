/* SPDX-License-Identifier: MIT */
#include "base/json_walk.h"
#include "base/mem.h"
#include "test.h"

#include <string.h>

static const char document[] = "{ \"text\": \"a\\u00e9\\n\", \"plain\":\"b\",\"number\":-7,"
			       "\"large\":18446744073709551615,\"half\":0.5,\"truth\":true,"
			       "\"lie\":false,\"nothing\":null,\"list\":[1,{\"x\":[]}],"
			       "\"\\u006bey\":{\"y\":2} } ";

static struct json_walk walk_over(const char *text)
{
	return JSON_WALK(text, strlen(text), &json_limits_config);
}

/* Goes on to the member @key, which is there. */
static void go_to(struct json_walk *walk, const char *key)
{
	struct lxcri_error err = {};
	struct json_slice found;

	do
		assert_int_equal(json_walk_next(walk, &found, &err), 1);
	while (json_slice_compare(&found, key) != 0);
}

static struct json_plain read_plain(struct json_walk *walk, const char *key)
{
	struct json_plain plain;
	struct lxcri_error err = {};

	go_to(walk, key);
	assert_int_equal(json_walk_read(walk, &plain, &err), 0);
	return plain;
}

static void plain_values_are_read(void **state)
{
	autorun(json_walk_finish) struct json_walk walk = walk_over(document);
	struct json_plain plain = read_plain(&walk, "text");

	assert_int_equal(plain.type, json_type_string);
	assert_int_equal(plain.text.length, 4);
	assert_memory_equal(plain.text.text, "a\xc3\xa9\n", 4);
	plain = read_plain(&walk, "plain");
	assert_int_equal(json_slice_compare(&plain.text, "b"), 0);
	plain = read_plain(&walk, "number");
	assert_true(plain.type == json_type_int && plain.number == -7);
	plain = read_plain(&walk, "large");
	assert_true(plain.type == json_type_int && plain.number == INT64_MAX);
	assert_int_equal(read_plain(&walk, "half").type, json_type_double);
	plain = read_plain(&walk, "truth");
	assert_true(plain.type == json_type_boolean && plain.number == 1);
	plain = read_plain(&walk, "lie");
	assert_true(plain.type == json_type_boolean && plain.number == 0);
	assert_int_equal(read_plain(&walk, "nothing").type, json_type_null);
	assert_int_equal(read_plain(&walk, "list").type, json_type_null);
}

static void values_are_made_for_who_asks(void **state)
{
	autorun(json_walk_finish) struct json_walk walk = walk_over(document);
	autojson list = NULL;
	autojson object = NULL;
	struct lxcri_error err = {};
	struct json_slice key;

	go_to(&walk, "list");
	assert_int_equal(json_walk_make(&walk, &list, &err), 0);
	assert_int_equal(json_count(list), 2);
	go_to(&walk, "key");
	assert_int_equal(json_walk_make(&walk, &object, &err), 0);
	assert_int_equal(json_get_i64(object, "y", 0), 2);
	assert_int_equal(json_walk_next(&walk, &key, &err), 0);
}

static void what_nobody_asks_for_is_passed_over(void **state)
{
	autorun(json_walk_finish) struct json_walk walk = walk_over(document);
	struct lxcri_error err = {};
	struct json_slice key;
	int count = 0;

	while (json_walk_next(&walk, &key, &err) > 0)
		count++;
	assert_int_equal(err.code, LXCRI_E_NONE);
	assert_int_equal(count, 10);
}

/* Returns the code with which a walk over all ends, or LXCRI_E_NONE. */
static enum lxcri_code code_of(const char *text, const struct json_limits *limits)
{
	autorun(json_walk_finish) struct json_walk walk = JSON_WALK(text, strlen(text), limits);
	struct lxcri_error err = {};
	struct json_slice key;
	int r;

	while ((r = json_walk_next(&walk, &key, &err)) > 0)
		;
	assert_int_equal(r, err.code == LXCRI_E_NONE ? 0 : -1);
	return err.code;
}

static void what_is_no_object_or_not_whole_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"7",
		"{",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":}",
		"{\"a\":1",
		"{\"a\":1,",
		"{\"a\":1,}",
		"{,}",
		"{\"a\":1}{}",
		"{\"a\":tru}",
		"{a:1}",
		"{\"a\":[1}",
		"{\"a\" 1}",
		"{\"a\":\"\x01\"}",
		"{\"a\\u0000\":1}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(code_of(bad[i], &json_limits_config), LXCRI_E_INVALID_JSON);
	assert_int_equal(code_of(" { } ", &json_limits_config), LXCRI_E_NONE);
}

static void size_depth_and_number_of_values_are_bounded(void **state)
{
	static const struct json_limits small = { 32, 2, 4 };

	assert_int_equal(code_of("{\"a\":[1,2]}", &small), LXCRI_E_LIMIT_EXCEEDED);
	assert_int_equal(code_of("{\"a\":[1]}", &small), LXCRI_E_NONE);
	assert_int_equal(code_of("{\"a\":[[]]}", &small), LXCRI_E_LIMIT_EXCEEDED);
	assert_int_equal(code_of("{\"a\":\"0123456789012345678901234\"}", &small),
			 LXCRI_E_LIMIT_EXCEEDED);
}

static void a_value_that_is_passed_is_one_for_another_walk(void **state)
{
	autorun(json_walk_finish) struct json_walk walk = walk_over(document);
	struct lxcri_error err = {};
	struct json_slice list;
	struct json_slice item;

	go_to(&walk, "list");
	assert_int_equal(json_walk_pass(&walk, &list, &err), 0);
	assert_int_equal(json_slice_compare(&list, "[1,{\"x\":[]}]"), 0);
	go_to(&walk, "key");

	autorun(json_walk_finish) struct json_walk items =
		JSON_WALK(list.text, list.length, &json_limits_config);

	assert_int_equal(json_walk_item(&items, &err), 1);
	assert_int_equal(json_walk_pass(&items, &item, &err), 0);
	assert_int_equal(json_slice_compare(&item, "1"), 0);
	assert_int_equal(json_walk_item(&items, &err), 1);
	assert_int_equal(json_walk_item(&items, &err), 0);
}

static void an_array_that_is_none_or_not_whole_is_refused(void **state)
{
	static const char *const bad[] = { "",     "{}",  "[",     "[1",   "[1,",
					   "[1,]", "[,]", "[1 2]", "[1]]", "[}" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autorun(json_walk_finish) struct json_walk walk = walk_over(bad[i]);
		struct lxcri_error err = {};
		int r;

		while ((r = json_walk_item(&walk, &err)) > 0)
			;
		assert_int_equal(r, -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_JSON);
	}
}

static void some_members_are_picked_as_they_are_written(void **state)
{
	static const char *const keys[] = { "number", "none", "text", "plain", "list", "key" };
	static const char *const bad[] = { "", "[]", "{\"number\":}", "{\"number\":1" };
	const struct json_slice object = { document, strlen(document) };
	struct json_slice values[ARRAY_LEN(keys)];
	struct lxcri_error err = {};
	char *text = NULL;

	assert_int_equal(json_pick(&object, keys, ARRAY_LEN(keys), values, &err), 0);
	assert_int_equal(json_slice_number(&values[0]), -7);
	assert_int_equal(values[1].length, 0);
	assert_int_equal(json_slice_number(&values[1]), 0);
	assert_true(json_slice_text(&values[1], &text) && !text);
	assert_false(json_slice_text(&values[2], &text)); /* escapes */
	assert_false(json_slice_text(&values[0], &text)); /* no string */
	assert_int_equal(json_slice_number(&values[2]), 0);
	assert_true(json_slice_text(&values[3], &text));
	assert_string_equal(text, "b");
	freep(&text);
	assert_int_equal(json_slice_compare(&values[4], "[1,{\"x\":[]}]"), 0);
	assert_int_equal(json_slice_compare(&values[5], "{\"y\":2}"), 0);
	assert_int_equal(json_pick(&(struct json_slice){ "{\"a\":1,?", 8 },
				   &(const char *const){ "a" }, 1, values, &err),
			 0);
	assert_int_equal(json_slice_number(&values[0]), 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct json_slice none = { bad[i], strlen(bad[i]) };

		assert_int_equal(json_pick(&none, keys, ARRAY_LEN(keys), values, &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_JSON);
	}
}

static void bytes_compare_as_texts(void **state)
{
	const struct json_slice slice = { "abcd", 3 };

	assert_int_equal(json_slice_compare(&slice, "abc"), 0);
	assert_true(json_slice_compare(&slice, "abcd") < 0);
	assert_true(json_slice_compare(&slice, "ab") > 0);
	assert_true(json_slice_compare(&slice, "abd") < 0);
	assert_true(json_slice_compare(&(struct json_slice){ "", 0 }, "a") < 0);
	assert_true(json_slice_compare(&(struct json_slice){}, "a") < 0);
	assert_true(json_slice_compare(&slice, "") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_values_are_read),
		cmocka_unit_test(values_are_made_for_who_asks),
		cmocka_unit_test(what_nobody_asks_for_is_passed_over),
		cmocka_unit_test(what_is_no_object_or_not_whole_is_refused),
		cmocka_unit_test(size_depth_and_number_of_values_are_bounded),
		cmocka_unit_test(a_value_that_is_passed_is_one_for_another_walk),
		cmocka_unit_test(an_array_that_is_none_or_not_whole_is_refused),
		cmocka_unit_test(some_members_are_picked_as_they_are_written),
		cmocka_unit_test(bytes_compare_as_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
