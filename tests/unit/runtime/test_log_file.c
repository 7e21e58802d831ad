/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/path.h"
#include "runtime/log/log_file.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define T "2026-11-22T01:02:03.000000004Z "

struct fixture {
	char dir[32];
	char *log;
	char *out;
	char *err;
};

static void init(struct fixture *fixture, const char *log)
{
	strcpy(fixture->dir, "/tmp/lxcri-log-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	fixture->log = xformat("%s/log", fixture->dir);
	fixture->out = fixture->err = NULL;

	autoclose int fd = open(fixture->log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(file_write_all(fd, log, strlen(log)), 0);
}

static void finish(struct fixture *fixture)
{
	assert_int_equal(path_remove_tree(AT_FDCWD, fixture->dir), 0);
	freep(&fixture->log);
	freep(&fixture->out);
	freep(&fixture->err);
}

static int open_output(const struct fixture *fixture, const char *name)
{
	autofree char *path = xformat("%s/%s", fixture->dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static char *contents(int fd)
{
	char *text = NULL;
	size_t size;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_fd(fd, 64u << 20, &text, &size), 0);
	return text;
}

static void read_log(struct fixture *fixture, const struct log_read_options *options)
{
	autoclose int out = open_output(fixture, "out");
	autoclose int err_fd = open_output(fixture, "err");
	struct lxcri_error err = {};

	freep(&fixture->out);
	freep(&fixture->err);
	if (log_file_read(fixture->log, options, out, err_fd, &err) < 0)
		fail_msg("%s", err.text);
	fixture->out = contents(out);
	fixture->err = contents(err_fd);
}

static void streams_are_told_apart_and_pieces_joined(void **state)
{
	const struct log_read_options all = { .tail = -1 };
	struct fixture fixture;

	init(&fixture, T "stdout F one\n" T "stdout P two"
			 "\n" T "stderr F problem\n" T "stdout F  halves\n" T "stdout F \n");
	read_log(&fixture, &all);
	assert_string_equal(fixture.out, "one\ntwo halves\n\n");
	assert_string_equal(fixture.err, "problem\n");
	finish(&fixture);
}

static void a_time_stands_in_front_of_each_line(void **state)
{
	const struct log_read_options timed = { .tail = -1, .choice.timestamps = true };
	struct fixture fixture;

	init(&fixture, T "stdout P two\n" T "stdout F  halves\n" T "stdout F three\n");
	read_log(&fixture, &timed);
	assert_string_equal(fixture.out, T "two halves\n" T "three\n");
	finish(&fixture);
}

static void the_last_lines_are_found_in_a_log_of_any_size(void **state)
{
	static const int sizes[] = { 0, 1, 3, 100, 30000 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct log_read_options last = { .tail = 3 };
		const struct log_read_options none = { .tail = 0 };
		autorun(text_finish) struct text log = {};
		autorun(text_finish) struct text expected = {};
		struct fixture fixture;

		for (int n = 0; n < sizes[i]; n++) {
			text_addf(&log, T "stdout P %d \n" T "stdout F end\n", n);
			if (n >= sizes[i] - 3)
				text_addf(&expected, "%d end\n", n);
		}
		init(&fixture, log.data ? log.data : "");
		read_log(&fixture, &last);
		assert_string_equal(fixture.out, expected.data ? expected.data : "");
		read_log(&fixture, &none);
		assert_string_equal(fixture.out, "");
		finish(&fixture);
	}
}

static void what_is_no_record_is_shown_as_it_is(void **state)
{
	const struct log_read_options all = { .tail = -1, .choice.timestamps = true };
	struct fixture fixture;

	init(&fixture, "\nplain\n" T "stdout X text\n" T "stdlog F text\n" T "stdout F\n");
	read_log(&fixture, &all);
	assert_string_equal(fixture.out, "");
	assert_string_equal(fixture.err,
			    "\nplain\n" T "stdout X text\n" T "stdlog F text\n" T "stdout F\n");
	finish(&fixture);
}

static void following_shows_what_is_added_and_ends_when_told(void **state)
{
	struct fixture fixture;
	int stop[2];

	init(&fixture, T "stdout F one\n");
	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);

	pid_t writer = fork();

	if (writer == 0) {
		const struct timespec pause = { .tv_nsec = 50000000 };
		int fd = open(fixture.log, O_WRONLY | O_APPEND | O_CLOEXEC);
		static const char half[] = T "stdout F tw";
		static const char rest[] = "o\n";

		(void)nanosleep(&pause, NULL);
		(void)file_write_all(fd, half, strlen(half));
		(void)nanosleep(&pause, NULL);
		(void)file_write_all(fd, rest, strlen(rest));
		(void)nanosleep(&pause, NULL);
		_exit(file_write_all(stop[1], "x", 1) < 0);
	}

	const struct log_read_options options = { .tail = -1, .follow = true, .end_fd = stop[0] };

	read_log(&fixture, &options);
	assert_string_equal(fixture.out, "one\ntwo\n");
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	(void)close(stop[0]);
	(void)close(stop[1]);
	finish(&fixture);
}

static void what_is_outside_the_time_or_of_the_other_stream_is_left_out(void **state)
{
	static const char log[] = "2026-11-22T01:02:03.000000001Z stdout F one\n"
				  "2026-11-22T01:02:03.000000002Z stderr F two\n"
				  "2026-11-22T01:02:03.000000003Z stdout F three\n"
				  "2026-11-22T01:02:03.000000004Z stdout F four\n"
				  "2026-11-22T01:02:03.000000005Z stdout F five\n";
	const int64_t second = 1795309323000000000;
	struct log_read_options options = {
		.tail = -1, .choice = { .since_ns = second + 2, .until_ns = second + 4 }
	};
	struct fixture fixture;

	init(&fixture, log);
	read_log(&fixture, &options);
	assert_string_equal(fixture.out, "three\nfour\n");
	assert_string_equal(fixture.err, "two\n");
	options.tail = 2;
	read_log(&fixture, &options);
	assert_string_equal(fixture.out, "three\nfour\n");
	assert_string_equal(fixture.err, "");
	options.choice.no_stdout = true;
	read_log(&fixture, &options);
	assert_string_equal(fixture.out, "");
	assert_string_equal(fixture.err, "two\n");
	finish(&fixture);
}

static void two_streams_in_one_place_keep_their_order(void **state)
{
	const struct log_read_options all = { .tail = -1 };
	struct lxcri_error err = {};
	struct fixture fixture;

	init(&fixture, T "stdout F one\n" T "stderr F two\n" T "stdout F three\n");

	autoclose int out = open_output(&fixture, "out");

	assert_int_equal(log_file_read(fixture.log, &all, out, out, &err), 0);
	fixture.out = contents(out);
	assert_string_equal(fixture.out, "one\ntwo\nthree\n");
	finish(&fixture);
}

static void following_ends_at_its_last_moment(void **state)
{
	struct log_read_options options = { .tail = -1, .follow = true, .end_fd = -1 };
	struct fixture fixture;
	int stop[2];

	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	init(&fixture, T "stdout F one\n");
	options.end_fd = stop[0];
	options.choice.until_ns = moment_now() + 20000000;
	read_log(&fixture, &options);
	assert_string_equal(fixture.out, "one\n");
	(void)close(stop[0]);
	(void)close(stop[1]);
	finish(&fixture);
}

static void a_reader_that_has_gone_is_no_failure(void **state)
{
	const struct log_read_options all = { .tail = -1 };
	struct lxcri_error err = {};
	struct fixture fixture;
	int ends[2];

	init(&fixture, T "stdout F one\n");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)close(ends[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(log_file_read(fixture.log, &all, ends[1], ends[1], &err), 0);
	(void)close(ends[1]);
	finish(&fixture);
}

static void a_log_that_is_not_there_is_told(void **state)
{
	const struct log_read_options all = { .tail = -1 };
	struct lxcri_error err = {};

	assert_int_equal(log_file_read("/nonexistent/log", &all, 1, 2, &err), -1);
	assert_int_equal(err.code, LXCRI_E_SYSTEM);
	assert_int_equal(err.errnum, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_told_apart_and_pieces_joined),
		cmocka_unit_test(a_time_stands_in_front_of_each_line),
		cmocka_unit_test(the_last_lines_are_found_in_a_log_of_any_size),
		cmocka_unit_test(what_is_no_record_is_shown_as_it_is),
		cmocka_unit_test(following_shows_what_is_added_and_ends_when_told),
		cmocka_unit_test(what_is_outside_the_time_or_of_the_other_stream_is_left_out),
		cmocka_unit_test(two_streams_in_one_place_keep_their_order),
		cmocka_unit_test(following_ends_at_its_last_moment),
		cmocka_unit_test(a_reader_that_has_gone_is_no_failure),
		cmocka_unit_test(a_log_that_is_not_there_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
