/* SPDX-License-Identifier: MIT */
#include "manifest/refusal.h"

#include "test.h"

#include <string.h>

static const struct refusal table[] = {
	{ "flag", "no flags" },
	{ "list[].inner.flag", "no inner flags" },
	{ "list[1]", "one is enough" },
	{ "word=Bad", "no bad words" },
	{ "list[].may=false", "it always may" },
	{},
};

/* Returns what is said of @text, "" when nothing is. */
static const char *said(const char *text)
{
	static struct lxcri_error err;
	autorun(yaml_stream_finish) struct yaml_stream stream = {};
	const struct field_reader reader = { .source = "m.yaml", .err = &err };

	err = (struct lxcri_error){};
	assert_int_equal(yaml_parse(text, strlen(text), &stream, &err), 0);
	if (refusal_check(&reader, stream.documents[0], "spec", table) == 0)
		return "";
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	return err.text;
}

static void what_is_named_is_refused_by_its_line_and_path(void **state)
{
	assert_string_equal(said("a: 1\nflag: true\n"), "m.yaml:2: spec.flag: no flags");
	assert_string_equal(said("list:\n- {}\n- inner:\n    flag: 7\n"),
			    "m.yaml:4: spec.list[1].inner.flag: no inner flags");
	assert_string_equal(said("list:\n- a: 1\n- b: 2\n"),
			    "m.yaml:3: spec.list[1]: one is enough");
	assert_string_equal(said("word: Bad\n"), "m.yaml:1: spec.word: no bad words");
	assert_string_equal(said("list:\n- may: no\n"),
			    "m.yaml:2: spec.list[0].may: it always may");
}

static void what_says_nothing_or_something_else_is_fine(void **state)
{
	static const char *const texts[] = {
		"a: 1\n",
		"flag: false\n",
		"flag:\n",
		"flag: 0\n",
		"word: Good\n",
		"list: []\n",
		"list: {inner: 1}\n",
		"list:\n- may: true\n",
		"word: [Bad]\n",
		"list:\n- inner: 1\n",
		"list:\n- inner: []\n",
		"[flag]\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_string_equal(said(texts[i]), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_named_is_refused_by_its_line_and_path),
		cmocka_unit_test(what_says_nothing_or_something_else_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
