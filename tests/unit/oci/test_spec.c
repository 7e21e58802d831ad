/* SPDX-License-Identifier: MIT */
#include "lxcri/spec.h"
#include "base/mem.h"
#include "base/scope.h"
#include "test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MINIMAL "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"rootfs\"}}"

static void spec_freep(struct lxcri_spec **spec)
{
	lxcri_spec_free(*spec);
	*spec = NULL;
}

#define autospec autorun(spec_freep) struct lxcri_spec *

static struct lxcri_spec *parse(const char *json)
{
	struct lxcri_spec *spec = NULL;
	struct lxcri_error err = {};

	if (lxcri_spec_parse(json, strlen(json), &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

static void assert_value(const struct lxcri_spec *spec, const char *path, const char *expected)
{
	autofree char *value = lxcri_spec_get(spec, path);

	if (!expected)
		assert_null(value);
	else
		assert_string_equal(value ? value : "(none)", expected);
}

static void a_new_specification_runs_sh(void **state)
{
	autospec spec = lxcri_spec_create();

	assert_value(spec, "process.args", "[\"sh\"]");
	assert_value(spec, "root.path", "\"rootfs\"");
	assert_value(spec, "linux.namespaces[4].type", "\"mount\"");
}

static void a_value_is_set_got_and_removed_by_its_path(void **state)
{
	autospec spec = lxcri_spec_create();
	struct lxcri_error err = {};

	assert_int_equal(lxcri_spec_set(spec, "process.args", "[\"echo\",\"hi\"]", &err), 0);
	assert_int_equal(lxcri_spec_set(spec, "process.args[1]", "\"hello\"", &err), 0);
	assert_int_equal(lxcri_spec_set(spec, "annotations[\"a b\"]", "\"c\"", &err), 0);
	assert_int_equal(lxcri_spec_set(spec, "linux.resources.memory.limit", "1024", &err), 0);
	assert_int_equal(lxcri_spec_set(spec, "process.rlimits", NULL, &err), 0);
	assert_value(spec, "process.args", "[\"echo\",\"hello\"]");
	assert_value(spec, "annotations[\"a b\"]", "\"c\"");
	assert_value(spec, "linux.resources.memory", "{\"limit\":1024}");
	assert_value(spec, "process.rlimits", NULL);
	assert_value(spec, "no.such[\"thing\"]", NULL);
}

static void a_bad_edit_changes_nothing(void **state)
{
	static const struct {
		const char *path;
		const char *json;
		enum lxcri_code code;
	} bad[] = {
		{ "process.cwd", "\"relative\"", LXCRI_E_INVALID_SPEC },
		{ "process.args", "[]", LXCRI_E_INVALID_SPEC },
		{ "process.args[0]", NULL, LXCRI_E_INVALID_SPEC },
		{ "ociVersion", NULL, LXCRI_E_INVALID_SPEC },
		{ "root", NULL, LXCRI_E_INVALID_SPEC },
		{ "hostname", "null", LXCRI_E_INVALID_SPEC },
		{ "hostname", "web", LXCRI_E_INVALID_JSON },
		{ "hostname", "", LXCRI_E_INVALID_JSON },
		{ "process..args", "1", LXCRI_E_INVALID_ARGUMENT },
		{ "process.cwd.x", "1", LXCRI_E_INVALID_ARGUMENT },
		{ "process.args[9]", "\"x\"", LXCRI_E_INVALID_ARGUMENT },
		{ "", "{}", LXCRI_E_INVALID_ARGUMENT },
		{ "x", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
		  LXCRI_E_LIMIT_EXCEEDED },
	};
	autospec spec = lxcri_spec_create();
	autofree char *before = lxcri_spec_format(spec);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct lxcri_error err = {};

		assert_true(lxcri_spec_set(spec, bad[i].path, bad[i].json, &err) < 0);
		if (err.code != bad[i].code)
			fail_msg("%s: %s: %s", bad[i].path, lxcri_code_name(err.code), err.text);

		autofree char *after = lxcri_spec_format(spec);

		assert_string_equal(after, before);
	}
}

static void what_is_saved_can_be_loaded(void **state)
{
	char bundle[] = "/tmp/test-spec-XXXXXX";
	struct lxcri_error err = {};

	assert_non_null(mkdtemp(bundle));

	autofree char *path = xformat("%s/config.json", bundle);
	autospec spec = parse("{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"x\":[1.50]}");
	autospec loaded = NULL;

	assert_int_equal(lxcri_spec_save(spec, bundle, &err), 0);
	assert_int_equal(lxcri_spec_load(bundle, &loaded, &err), 0);
	assert_value(loaded, "",
		     "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"x\":[1.50]}");
	assert_int_equal(lxcri_spec_set(spec, "hostname", "\"\"", &err), 0);
	assert_int_equal(lxcri_spec_save(spec, bundle, &err), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(bundle), 0);
}

static void a_bundle_without_a_specification_is_not_found(void **state)
{
	autospec spec = parse(MINIMAL);
	struct lxcri_spec *none = NULL;
	struct lxcri_error err = {};

	assert_true(lxcri_spec_load("/nonexistent", &none, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_BUNDLE_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nonexistent/config.json"));
	assert_true(lxcri_spec_load("/dev/null", &none, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_BUNDLE_NOT_FOUND);
	assert_true(lxcri_spec_save(spec, "/nonexistent", &err) < 0);
	assert_int_equal(err.code, LXCRI_E_BUNDLE_NOT_FOUND);
	assert_null(none);
}

static void a_specification_that_is_no_file_is_refused(void **state)
{
	char bundle[] = "/tmp/test-spec-XXXXXX";
	struct lxcri_spec *none = NULL;
	struct lxcri_error err = {};

	assert_non_null(mkdtemp(bundle));

	autofree char *path = xformat("%s/config.json", bundle);

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(lxcri_spec_load(bundle, &none, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_SYSTEM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(lxcri_spec_load(bundle, &none, &err) < 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(bundle), 0);
	assert_null(none);
}

static void note(void *userdata, const char *path, const char *text)
{
	char **all = userdata;
	autofree char *before = *all;

	*all = xformat("%s%s: %s\n", before, path, text);
}

static void every_fault_is_reported(void **state)
{
	static const char text[] = "{\"ociVersion\":\"1.0.0\",\"process\":{\"args\":[7],"
				   "\"rlimits\":[{\"type\":\"x\",\"soft\":-1}]},"
				   "\"linux\":{\"namespaces\":[{},{\"type\":\"pid\"}]},"
				   "\"hostname\":\"h\"}";
	autofree char *all = xstrdup("");
	struct lxcri_error err = {};

	assert_int_equal(lxcri_spec_validate(text, strlen(text), note, &all, &err), 8);
	assert_string_equal(all,
			    "process.args[0]: must be a string\n"
			    "process.rlimits[0].type: must be the name of a limit, RLIMIT_...\n"
			    "process.rlimits[0].soft: must be between 0 and "
			    "18446744073709551615\n"
			    "process.rlimits[0].hard: is required\n"
			    "process.cwd: is required\n"
			    "linux.namespaces[0].type: is required\n"
			    "root: is required\n"
			    "hostname: needs a namespace of the type uts\n");
	assert_int_equal(lxcri_spec_validate(MINIMAL, strlen(MINIMAL), note, &all, &err), 0);
	assert_true(lxcri_spec_validate("{", 1, note, &all, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_JSON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_specification_runs_sh),
		cmocka_unit_test(a_value_is_set_got_and_removed_by_its_path),
		cmocka_unit_test(a_bad_edit_changes_nothing),
		cmocka_unit_test(what_is_saved_can_be_loaded),
		cmocka_unit_test(a_bundle_without_a_specification_is_not_found),
		cmocka_unit_test(a_specification_that_is_no_file_is_refused),
		cmocka_unit_test(every_fault_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
