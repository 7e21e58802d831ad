/* SPDX-License-Identifier: MIT */
/* Events under many writers, under their death, and under readers. */
#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/path.h"
#include "runtime/event/event_file.h"
#include "runtime/event/event_reader.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void add(const char *root, int writer, int number)
{
	char id[32];
	const struct event event = { .time_ns = 1795309323000000000 + number,
				     .type = "container",
				     .name = "start",
				     .id = id };

	(void)snprintf(id, sizeof(id), "w%d.%d", writer, number);
	if (event_file_append(root, &event) < 0)
		_exit(1);
}

/* What a reader saw of some writers: the last number of each. */
struct seen {
	int last[4];
	int count;
	int end; /* stop after so many */
};

static int see(void *userdata, const struct event_record *record)
{
	struct seen *seen = userdata;
	int writer, number;

	assert_int_equal(sscanf(record->id, "w%d.%d", &writer, &number), 2);
	assert_in_range(writer, 0, 3);
	if (seen->last[writer] >= 0)
		assert_int_equal(number, seen->last[writer] + 1);
	seen->last[writer] = number;
	return ++seen->count == seen->end ? -1 : 0;
}

static struct seen read_events(const char *root, bool follow, int end)
{
	struct seen seen = { .last = { -1, -1, -1, -1 }, .end = end };
	const struct event_read_options options = {
		.since_ns = 1, .follow = follow, .output_fd = -1, .each = see, .userdata = &seen
	};
	struct lxcri_error err = {};

	assert_int_equal(event_read(root, &options, &err), end > 0 ? -1 : 0);
	assert_int_equal(err.code, LXCRI_E_NONE);
	return seen;
}

static void what_was_recorded_is_read(void **state)
{
	char root[] = "/tmp/lxcri-events-XXXXXX";
	const char *const attributes[] = { "name", "a\"\\\n\x01", "none", NULL, "more", "", NULL };
	const struct event event = { .time_ns = 1795310523000000004,
				     .type = "image",
				     .name = "import",
				     .id = "x:1",
				     .attributes = attributes };
	autofree char *text = NULL;
	autojson object = NULL;
	struct event_record record;
	size_t size;

	assert_non_null(mkdtemp(root));

	autofree char *path = xformat("%s/" EVENT_FILE, root);

	assert_int_equal(event_file_append(root, &event), 0);
	assert_int_equal(file_read(AT_FDCWD, path, 4096, &text, &size), 0);
	assert_int_equal(text[size - 1], '\n');
	assert_int_equal(event_record_parse(text, size - 1, &object, &record), 0);
	assert_int_equal(record.time_ns, event.time_ns);
	assert_string_equal(record.type, "image");
	assert_string_equal(record.name, "import");
	assert_string_equal(record.id, "x:1");
	assert_string_equal(json_get_text(record.attributes, "name"), "a\"\\\n\x01");
	assert_null(json_get(record.attributes, "none"));
	assert_string_equal(json_get_text(record.attributes, "more"), "");
	assert_int_equal(path_remove_tree(AT_FDCWD, root), 0);
}

static void the_past_is_bounded(void **state)
{
	char root[] = "/tmp/lxcri-events-XXXXXX";
	const int count = 40000;
	struct stat status;

	assert_non_null(mkdtemp(root));
	for (int i = 0; i < count; i++)
		add(root, 0, i);

	struct seen seen = read_events(root, false, 0);

	assert_int_equal(seen.last[0], count - 1);
	assert_true(seen.count < count && seen.count > 10000);

	autofree char *path = xformat("%s/" EVENT_FILE, root);
	autofree char *oldest = xformat("%s/" EVENT_FILE ".1", root);

	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size <= EVENT_FILE_BYTES);
	assert_int_equal(stat(oldest, &status), -1);
	assert_int_equal(path_remove_tree(AT_FDCWD, root), 0);
}

static void a_follower_gets_the_events_of_all_writers_once(void **state)
{
	char root[] = "/tmp/lxcri-events-XXXXXX";
	const int count = 4000;
	pid_t writers[3];

	assert_non_null(mkdtemp(root));
	for (int writer = 0; writer < 3; writer++) {
		writers[writer] = fork();
		if (writers[writer] == 0) {
			for (int i = 0; i < count; i++)
				add(root, writer, i);
			_exit(0);
		}
	}

	struct seen seen = read_events(root, true, 3 * count);

	for (int writer = 0; writer < 3; writer++) {
		int status;

		assert_int_equal(seen.last[writer], count - 1);
		assert_int_equal(waitpid(writers[writer], &status, 0), writers[writer]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(path_remove_tree(AT_FDCWD, root), 0);
}

static void writers_that_are_killed_harm_nobody(void **state)
{
	char root[] = "/tmp/lxcri-events-XXXXXX";

	assert_non_null(mkdtemp(root));
	for (int i = 0; i < 50; i++) {
		pid_t writer = fork();

		if (writer == 0)
			for (int n = 0;; n++)
				add(root, 1, n);
		add(root, 0, i);
		assert_int_equal(kill(writer, SIGKILL), 0);
		assert_int_equal(waitpid(writer, NULL, 0), writer);
	}

	autofree char *path = xformat("%s/" EVENT_FILE, root);
	autofree char *text = NULL;
	size_t size;
	int ours = 0;

	assert_int_equal(file_read(AT_FDCWD, path, 4u << 20, &text, &size), 0);
	for (const char *at = text; (at = strstr(at, "\"id\":\"w0.")); at++)
		ours++;
	assert_int_equal(ours, 50);
	assert_int_equal(path_remove_tree(AT_FDCWD, root), 0);
}

static void a_torn_record_does_not_spoil_the_next(void **state)
{
	char root[] = "/tmp/lxcri-events-XXXXXX";

	assert_non_null(mkdtemp(root));

	autofree char *path = xformat("%s/" EVENT_FILE, root);

	add(root, 0, 0);

	autoclose int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(file_write_all(fd, "{\"time\":\"2026", 13), 0);
	add(root, 0, 1);
	assert_int_equal(read_events(root, false, 0).count, 2);
	assert_int_equal(path_remove_tree(AT_FDCWD, root), 0);
}

static void what_is_no_event_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"{}",
		"[]",
		"null",
		"{\"time\":1,\"type\":\"a\",\"event\":\"b\",\"id\":\"c\"}",
		"{\"time\":\"now\",\"type\":\"a\",\"event\":\"b\",\"id\":\"c\"}",
		"{\"time\":\"2026-11-22T01:02:03Z\",\"type\":\"a\",\"event\":\"b\"}",
		"{\"time\":\"2026-11-22T01:02:03Z\",\"type\":\"a\",\"event\":\"b\",\"id\":\"c\"} x",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		autojson object = NULL;
		struct event_record record;

		assert_int_equal(event_record_parse(lines[i], strlen(lines[i]), &object, &record),
				 -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_recorded_is_read),
		cmocka_unit_test(the_past_is_bounded),
		cmocka_unit_test(a_follower_gets_the_events_of_all_writers_once),
		cmocka_unit_test(writers_that_are_killed_harm_nobody),
		cmocka_unit_test(a_torn_record_does_not_spoil_the_next),
		cmocka_unit_test(what_is_no_event_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
