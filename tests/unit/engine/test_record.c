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

/* They are found by halves: one out of order would be lost. */
static void each_member_comes_back(void **state)
{
	struct record before = {
		.attempted_ns = 1,
		.created_ns = 2,
		.failures = 3,
		.log_max_bytes = 4,
		.log_max_files = 5,
		.restarts = 6,
		.revision = 7,
		.is_first = true,
		.is_shifted = true,
		.networked = true,
		.open_stdin = true,
		.owns_bundle = true,
		.remove = true,
		.terminal = true,
		.wanted = true,
	};
	char **const texts[] = {
		&before.id,       &before.bundle,     &before.runtime_path,   &before.image,
		&before.digest,   &before.log_path,   &before.log_id,         &before.stop_signal,
		&before.restart,  &before.health,     &before.stopped_boot,   &before.probes,
		&before.pre_stop, &before.post_start, &before.slice,          &before.network_of,
		&before.pod_of,   &before.scope,      &before.driver,         &before.previous,
		&before.history,  &before.ct,         &before.console_socket,
	};
	autorun(record_finish) struct record after = {};
	struct lxcri_error err = {};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = xformat("text %zu", i);

	autofree char *json = record_format(&before);

	assert_int_equal(record_parse(json, strlen(json), &after, &err), 0);

	autofree char *again = record_format(&after);

	assert_string_equal(json, again);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		autofree char *text = xformat("\"text %zu\"", i);

		assert_non_null(strstr(again, text));
	}
	for (unsigned int i = 1; i <= 7; i++) {
		autofree char *number = xformat("\":%u,", i);

		assert_non_null(strstr(again, number));
	}
	record_finish(&before);
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

/* What a pod is was JSON in a text: an older program finds no pod in an object. */
static void what_a_pod_is_comes_back_from_an_object_and_from_a_text(void **state)
{
	static const char *const note = "{\"namespace\":\"shop\",\"containers\":[]}";
	autorun(record_finish) struct record before = {};
	autorun(record_finish) struct record after = {};
	autorun(record_finish) struct record older = {};
	autojson object = NULL;
	struct lxcri_error err = {};

	fill(&before);
	assert_int_equal(json_parse(note, strlen(note), &json_limits_config, &before.pod, &err), 0);

	autofree char *json = record_format(&before);

	assert_non_null(strstr(json, "\"version\":5"));
	assert_non_null(strstr(json, note));
	assert_int_equal(record_parse(json, strlen(json), &after, &err), 0);
	assert_string_equal(json_get_text(after.pod, "namespace"), "shop");

	assert_int_equal(json_parse(json, strlen(json), &json_limits_config, &object, &err), 0);
	json_set_text(object, "pod", note);
	json_object_object_add(object, "version", json_object_new_int(4));

	autofree char *old = json_format_line(object);

	assert_int_equal(record_parse(old, strlen(old), &older, &err), 0);
	assert_string_equal(json_get_text(older.pod, "namespace"), "shop");

	json_set_text(object, "pod", "{\"namespace\":");

	autofree char *damaged = json_format_line(object);
	autorun(record_finish) struct record none = {};

	assert_true(record_parse(damaged, strlen(damaged), &none, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
	assert_null(none.pod);
}

static bool glance_at(const struct record *record, struct record_brief *ret)
{
	autofree char *json = record_format(record);

	return record_glance(json, strlen(json), ret);
}

static void at_a_glance_a_record_says_what_a_list_tells(void **state)
{
	static const char *const damaged[] = {
		"{\"version\":1,\"phase\":\"ready\"}",
		"{\"version\":1,\"type\":\"lxc\"}",
		"{\"type\":\"lxc\",\"phase\":\"ready\"",
		"{\"version\":99,\"type\":\"lxc\",\"phase\":\"ready\"}",
		"{\"version\":1,\"type\":\"vm\",\"phase\":\"ready\"}",
		"{\"version\":1,\"type\":\"lxc\",\"phase\":\"creating\"}",
		"[]",
	};
	autorun(record_finish) struct record record = {};
	struct record_brief brief;

	fill(&record);
	record.restarts = 5;
	assert_true(glance_at(&record, &brief));
	assert_true(brief.type == LXCRI_RUNC && brief.created_ns == record.created_ns);
	assert_int_equal(brief.restarts, 5);
	assert_int_equal(brief.pod.length, 0);
	assert_false(brief.is_simple);
	record.pod_of = xstrdup("shop");
	assert_true(glance_at(&record, &brief) && brief.is_simple);
	record.type = LXCRI_PROXMOX_LXC;
	assert_true(glance_at(&record, &brief) && !brief.is_simple);
	record.type = LXCRI_LXC;

	char **const watched[] = { &record.probes, &record.health, &record.post_start };

	for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
		*watched[i] = xstrdup("{}");
		assert_true(glance_at(&record, &brief) && !brief.is_simple);
		freep(watched[i]);
	}
	record.pod = json_object_new_object();
	json_set_text(record.pod, "namespace", "shop");

	autofree char *json = record_format(&record);

	assert_true(record_glance(json, strlen(json), &brief));
	assert_int_equal(json_slice_compare(&brief.pod, "{\"namespace\":\"shop\"}"), 0);
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++)
		assert_false(record_glance(damaged[i], strlen(damaged[i]), &brief));
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
		"{\"version\":1,\"id\":\"web\",\"bundle\":\"/b\",\"type\":\"lxc\",\"phase\":1,"
		"\"stdio\":\"log\"}",
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
		cmocka_unit_test(each_member_comes_back),
		cmocka_unit_test(what_is_as_in_a_record_without_it_is_left_out),
		cmocka_unit_test(a_driver_that_older_programs_lack_is_kept_from_them),
		cmocka_unit_test(what_a_pod_is_comes_back_from_an_object_and_from_a_text),
		cmocka_unit_test(at_a_glance_a_record_says_what_a_list_tells),
		cmocka_unit_test(one_id_is_taken_out_of_the_range),
		cmocka_unit_test(a_damaged_record_is_refused_and_leaves_the_result_alone),
		cmocka_unit_test(a_record_of_a_later_program_is_not_taken_for_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
