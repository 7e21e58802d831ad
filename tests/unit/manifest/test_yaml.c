/* SPDX-License-Identifier: MIT */
#include "manifest/yaml.h"

#include "base/mem.h"
#include "base/text.h"
#include "test.h"

#include <string.h>

static struct yaml_stream parsed(const char *text)
{
	struct yaml_stream stream = {};
	struct lxcri_error err = {};

	if (yaml_parse(text, strlen(text), &stream, &err) < 0)
		fail_msg("%s", err.text);
	return stream;
}

static struct lxcri_error refused(const char *text, enum lxcri_code code)
{
	struct yaml_stream stream = {};
	struct lxcri_error err = {};

	if (yaml_parse(text, strlen(text), &stream, &err) >= 0)
		fail_msg("%.60s was taken", text);
	assert_int_equal(err.code, code);
	assert_null(stream.documents);
	return err;
}

static void each_node_knows_its_line(void **state)
{
	struct yaml_stream stream = parsed("a: 1\nb:\n  - x\n  - c: yes\n---\n---\nd: e\n");
	const struct yaml_node *list = yaml_get(stream.documents[0], "b");

	assert_int_equal(stream.count, 2);
	assert_int_equal(yaml_get(stream.documents[0], "a")->line, 1);
	assert_int_equal(list->items[1]->line, 4);
	assert_int_equal(yaml_get(stream.documents[1], "d")->line, 7);
	yaml_stream_finish(&stream);
}

static void plain_words_are_what_kubernetes_takes_them_for(void **state)
{
	static const struct {
		const char *text;
		enum yaml_kind kind;
		int64_t number;
	} words[] = {
		{ "12", YAML_NUMBER, 12 },
		{ "-3", YAML_NUMBER, -3 },
		{ "0644", YAML_NUMBER, 0644 },
		{ "0o644", YAML_NUMBER, 0644 },
		{ "0x1f", YAML_NUMBER, 31 },
		{ "1_000", YAML_NUMBER, 1000 },
		{ "9223372036854775807", YAML_NUMBER, INT64_MAX },
		{ "9223372036854775808", YAML_FRACTION, 0 },
		{ "1.5", YAML_FRACTION, 0 },
		{ "1e3", YAML_FRACTION, 0 },
		{ ".inf", YAML_FRACTION, 0 },
		{ "yes", YAML_TRUTH, 1 },
		{ "Off", YAML_TRUTH, 0 },
		{ "~", YAML_NULL, 0 },
		{ "", YAML_NULL, 0 },
		{ "100m", YAML_TEXT, 0 },
		{ "1.2.3", YAML_TEXT, 0 },
		{ "0x", YAML_TEXT, 0 },
		{ "nginx:1.27", YAML_TEXT, 0 },
		{ "'12'", YAML_TEXT, 0 },
		{ "\"yes\"", YAML_TEXT, 0 },
		{ "!!str 12", YAML_TEXT, 0 },
		{ "!!int \"12\"", YAML_NUMBER, 12 },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		autofree char *text = xformat("w: %s\n", words[i].text);
		struct yaml_stream stream;
		const struct yaml_node *node;

		stream = parsed(text);
		node = yaml_get(stream.documents[0], "w");
		if (node->kind != words[i].kind)
			fail_msg("%s is %s", words[i].text, yaml_kind_name(node->kind));
		if (node->kind == YAML_NUMBER)
			assert_int_equal(node->number, words[i].number);
		if (node->kind == YAML_TRUTH)
			assert_int_equal(node->truth, words[i].number);
		yaml_stream_finish(&stream);
	}
}

static void what_could_mean_more_than_it_shows_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *said;
	} bad[] = {
		{ "a: &x 1\nb: *x\n", "line 2: an alias" },
		{ "*x : 1\n", "line 1" },
		{ "a: 1\nb: 2\na: 3\n", "line 3: the key \"a\" is given twice" },
		{ "a: \"x\\0y\"\n", "line 1: a NUL" },
		{ "a: !!python/object x\n", "line 1: a tag" },
		{ "a: !!binary eA==\n", "line 1: a tag" },
		{ "[a]: 1\n", "line 1: a key is no word" },
		{ "a: [1\n", "line 2" },
		{ "a:\n\t- x\n", "line 2" },
		{ "a: \x01\n", "line" },
		{ "a: \xff\n", "line" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct lxcri_error err = refused(bad[i].text, LXCRI_E_INVALID_MANIFEST);

		if (!strstr(err.text, bad[i].said))
			fail_msg("%s", err.text);
	}
}

static void bombs_are_refused_by_their_limits(void **state)
{
	struct text deep = {};
	struct text wide = {};
	struct text many = {};
	struct text keys = {};
	struct text large = {};

	for (int i = 0; i < 1000; i++)
		text_add(&deep, "[");
	(void)refused(deep.data, LXCRI_E_LIMIT_EXCEEDED);
	text_add(&wide, "a: [");
	for (int i = 0; i < YAML_NODES_MAX; i++)
		text_add(&wide, "1,");
	text_add(&wide, "]\n");
	(void)refused(wide.data, LXCRI_E_LIMIT_EXCEEDED);
	for (int i = 0; i <= YAML_DOCUMENTS_MAX; i++)
		text_add(&many, "---\na: 1\n");
	(void)refused(many.data, LXCRI_E_LIMIT_EXCEEDED);
	for (int i = 0; i <= 2048; i++)
		text_addf(&keys, "k%d: 1\n", i);
	(void)refused(keys.data, LXCRI_E_LIMIT_EXCEEDED);
	text_add(&large, "a: ");
	for (size_t i = 0; i < YAML_BYTES_MAX / 16; i++)
		text_add(&large, "0123456789abcdef");
	(void)refused(large.data, LXCRI_E_LIMIT_EXCEEDED);
	text_finish(&deep);
	text_finish(&wide);
	text_finish(&many);
	text_finish(&keys);
	text_finish(&large);
}

/* The bomb of nine lines that becomes gigabytes where aliases are followed. */
static void a_billion_laughs_are_one_alias(void **state)
{
	struct lxcri_error err = refused("a: &a [\"lol\",\"lol\"]\nb: &b [*a,*a]\nc: [*b,*b]\n",
					 LXCRI_E_INVALID_MANIFEST);

	assert_non_null(strstr(err.text, "line 2: an alias"));
}

static void what_is_written_reads_the_same(void **state)
{
	static const char text[] =
		"a: \"12\"\nb:\n- yes\n- \"yes\"\n- 1.5\nc: {}\nd: \"two\\nlines\"\n"
		"e: null\nf: \"\"\ng: 'it is: so'\n";
	struct yaml_stream first = parsed(text);
	autojson value = yaml_to_json(first.documents[0]);
	autofree char *written = yaml_format(value);
	struct yaml_stream second = parsed(written);
	autojson again = yaml_to_json(second.documents[0]);

	assert_true(json_object_equal(value, again));
	assert_int_equal(json_object_get_type(json_get(value, "a")), json_type_string);
	yaml_stream_finish(&first);
	yaml_stream_finish(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_node_knows_its_line),
		cmocka_unit_test(plain_words_are_what_kubernetes_takes_them_for),
		cmocka_unit_test(what_could_mean_more_than_it_shows_is_refused),
		cmocka_unit_test(bombs_are_refused_by_their_limits),
		cmocka_unit_test(a_billion_laughs_are_one_alias),
		cmocka_unit_test(what_is_written_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
