/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/scope.h"
#include "engine/record.h"
#include "test.h"

#include <string.h>

static void fill(struct record *record)
{
	*record = (struct record){
		.id = xstrdup("web"),
		.type = LXCRI_RUNC,
		.phase = RECORD_READY,
		.bundle = xstrdup("/a b/bundle"),
		.image = xstrdup("docker.io/library/web:1"),
		.stop_signal = xstrdup("SIGINT"),
		.created_ns = 1234567890123456789,
		.stdio = LXCRI_STDIO_INHERIT,
		.terminal = true,
		.remove = true,
		.ids = { .start = 1000000,
			 .size = 65536,
			 .keep = true,
			 .keep_uid = 1000,
			 .keep_gid = 70000 },
	};
	strings_add(&record->layers, "/layers/top");
	strings_add(&record->layers, "/layers/base");
}

static void a_record_comes_back_as_it_was_written(void **state)
{
	autorun(record_finish) struct record before = {};
	autorun(record_finish) struct record after = {};
	struct lxcri_error err = {};

	fill(&before);

	autofree char *json = record_format(&before);

	assert_int_equal(record_parse(json, strlen(json), &after, &err), 0);

	autofree char *again = record_format(&after);

	assert_string_equal(json, again);
	assert_string_equal(after.bundle, "/a b/bundle");
	assert_null(after.digest);
	assert_true(after.created_ns == 1234567890123456789);
	assert_int_equal(after.layers.count, 2);
	assert_true(after.terminal && after.remove && !after.open_stdin);
}

/* A list reads all records. */
static void what_is_as_in_a_record_without_it_is_left_out(void **state)
{
	static const char *const absent[] = { "openStdin", "wanted",    "restarts",
					      "revision",  "networked", "logMaxFiles" };
	autorun(record_finish) struct record before = {};
	autorun(record_finish) struct record after = {};
	struct lxcri_error err = {};

	fill(&before);
	before.log_max_files = 3;
	before.log_max_bytes = 0;

	autofree char *json = record_format(&before);

	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		assert_null(strstr(json, absent[i]));
	assert_non_null(strstr(json, "logMaxBytes"));
	assert_int_equal(record_parse(json, strlen(json), &after, &err), 0);
	assert_int_equal(after.log_max_files, 3);
	assert_int_equal(after.log_max_bytes, 0);
	assert_false(after.wanted || after.open_stdin || after.networked);
}

/* An older program would neither find nor remove what such a driver has. */
static void a_driver_that_older_programs_lack_is_kept_from_them(void **state)
{
	static const struct {
		const char *driver;
		bool is_new;
	} drivers[] = {
		{ "overlay", false }, { "dir", false }, { "btrfs", true }, { "zfs", true }
	};

	for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
		autorun(record_finish) struct record before = {};
		autorun(record_finish) struct record after = {};
		autofree char *json = NULL;
		struct lxcri_error err = {};

		fill(&before);
		before.driver = xstrdup(drivers[i].driver);
		before.is_shifted = true;
		json = record_format(&before);
		assert_int_equal(strstr(json, "\"version\":2") != NULL, drivers[i].is_new);
		assert_int_equal(record_parse(json, strlen(json), &after, &err), 0);
		assert_string_equal(after.driver, drivers[i].driver);
		assert_true(after.is_shifted);
	}
}

static void one_id_is_taken_out_of_the_range(void **state)
{
	autorun(record_finish) struct record record = {};
	autorun(record_finish) struct record after = {};
	struct lxcri_error err = {};

	fill(&record);

	autofree char *json = record_format(&record);

	assert_int_equal(record_parse(json, strlen(json), &after, &err), 0);

	const struct id_map map = record_id_map(&after.ids);
	const struct id_extent uids[] = { { 0, 1000000, 1000 },
					  { 1000, 1000, 1 },
					  { 1001, 1001001, 64535 } };
	const struct id_extent gids[] = { { 0, 1000000, 65536 }, { 70000, 70000, 1 } };

	assert_int_equal(map.uids.count, 3);
	assert_memory_equal(map.uids.items, uids, sizeof(uids));
	assert_int_equal(map.gids.count, 2);
	assert_memory_equal(map.gids.items, gids, sizeof(gids));
	assert_true(id_map_is_host(&(struct id_map){}));
	after.ids = (struct record_ids){};
	assert_int_equal(record_id_map(&after.ids).uids.count, 0);
}

static void a_damaged_record_is_refused_and_leaves_the_result_alone(void **state)
{
	static const char *const damaged[] = {
		"",
		"[]",
		"{}",
		"{\"version\":1,\"id\":\"web\",\"bundle\":\"/b\"}",
		"{\"version\":1,\"id\":\"web\",\"bundle\":\"/b\",\"type\":\"vm\",\"phase\":"
		"\"ready\",\"stdio\":\"log\"}",
	};
	struct lxcri_error err = {};

	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		struct record record = { .created_ns = 7 };

		assert_true(record_parse(damaged[i], strlen(damaged[i]), &record, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
		assert_true(record.created_ns == 7 && !record.id);
	}
}

static void a_record_of_a_later_program_is_not_taken_for_damage(void **state)
{
	static const char later[] = "{\"version\":99,\"id\":\"web\"}";
	struct record record = {};
	struct lxcri_error err = {};

	assert_true(record_parse(later, strlen(later), &record, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_comes_back_as_it_was_written),
		cmocka_unit_test(what_is_as_in_a_record_without_it_is_left_out),
		cmocka_unit_test(a_driver_that_older_programs_lack_is_kept_from_them),
		cmocka_unit_test(one_id_is_taken_out_of_the_range),
		cmocka_unit_test(a_damaged_record_is_refused_and_leaves_the_result_alone),
		cmocka_unit_test(a_record_of_a_later_program_is_not_taken_for_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
