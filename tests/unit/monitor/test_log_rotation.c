/* SPDX-License-Identifier: MIT */
/* Rotation of a log under its readers, and under the writer's death. */
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "monitor/log_writer.h"
#include "os/file.h"
#include "os/path.h"
#include "os/rotation.h"
#include "runtime/log/log_file.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define DIED 7

static const struct timespec when = { .tv_sec = 1795310523, .tv_nsec = 4 };

/* How many system calls of a writer are left until it dies; -1: none is counted. */
static int calls_left = -1;

/* Counts a moment at which a kill could come. */
static void moment(void)
{
	if (calls_left >= 0 && calls_left-- == 0)
		_exit(DIED);
}

int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_unlinkat(int dirfd, const char *path, int flags);
ssize_t __real_writev(int fd, const struct iovec *parts, int count);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_unlinkat(int dirfd, const char *path, int flags);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count);

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	moment();

	int r = __real_renameat(from_dir, from, to_dir, to);

	moment();
	return r;
}

int __wrap_unlinkat(int dirfd, const char *path, int flags)
{
	moment();

	int r = __real_unlinkat(dirfd, path, flags);

	moment();
	return r;
}

/* A write can also be cut short by the kill, in the middle of a record. */
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count)
{
	moment();
	if (calls_left == 0 && parts[count - 2].iov_len > 1) {
		struct iovec torn[512];

		memcpy(torn, parts, (size_t)count * sizeof(*parts));
		torn[count - 2].iov_len /= 2;
		(void)__real_writev(fd, torn, count - 1);
	}
	moment();

	ssize_t r = __real_writev(fd, parts, count);

	moment();
	return r;
}

struct log {
	char dir[32];
	char path[64];
};

static void init(struct log *log)
{
	strcpy(log->dir, "/tmp/lxcri-log-XXXXXX");
	assert_non_null(mkdtemp(log->dir));
	(void)snprintf(log->path, sizeof(log->path), "%s/log", log->dir);
}

static void finish(struct log *log)
{
	assert_int_equal(path_remove_tree(AT_FDCWD, log->dir), 0);
}

static void add(struct log_writer *writer, int number)
{
	char line[32];
	int size = snprintf(line, sizeof(line), "line %06d\n", number);

	log_writer_add(writer, "stdout", &when, line, (size_t)size);
}

static void write_lines(const struct log *log, const struct log_limits *limits, int from, int count)
{
	struct log_writer writer = LOG_WRITER_NULL;

	if (log_writer_open(&writer, log->path, limits) < 0)
		_exit(1);
	for (int i = from; i < from + count; i++)
		add(&writer, i);
	log_writer_finish(&writer);
}

static int read_to(const struct log *log, const struct log_read_options *options, int fd)
{
	struct lxcri_error err = {};

	return log_file_read(log->path, options, fd, fd, &err);
}

static char *read_text(const struct log *log, const struct log_read_options *options)
{
	autoclose int fd = open(log->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *text = NULL;
	size_t size;

	assert_int_equal(read_to(log, options, fd), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_fd(fd, 64u << 20, &text, &size), 0);
	return text;
}

/* Asserts that @text has each line up to the last once and in order; returns the first. */
static int first_of(const char *text, int last)
{
	int first = -1;
	int next = 0;

	for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
		int number;

		assert_int_equal(sscanf(at, "line %06d\n", &number), 1);
		if (first < 0)
			first = next = number;
		assert_int_equal(number, next);
		next++;
	}
	assert_int_equal(next, last + 1);
	return first;
}

static size_t bytes_of(const struct log *log)
{
	autoclose int dir = open(log->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t number = 0;
	size_t total = 0;
	struct stat status;
	char name[ROTATION_NAME_MAX];

	if (fstatat(dir, "log", &status, 0) == 0)
		total += (size_t)status.st_size;
	while (rotation_next(dir, "log", number, &number) > 0) {
		rotation_name("log", number, name);
		assert_int_equal(fstatat(dir, name, &status, 0), 0);
		assert_in_range(status.st_size, 1, 1024);
		total += (size_t)status.st_size;
	}
	return total;
}

static const struct log_read_options all = { .tail = -1, .end_fd = -1 };

static void many_files_are_one_log(void **state)
{
	const struct log_limits limits = { .file_bytes = 1024, .files = 1000 };
	struct log log;

	init(&log);
	write_lines(&log, &limits, 0, 1000);

	autofree char *text = read_text(&log, &all);

	assert_int_equal(first_of(text, 999), 0);
	for (int tail = 1; tail <= 1000; tail = tail * 3 + 1) {
		const struct log_read_options last = { .tail = tail, .end_fd = -1 };
		autofree char *end = read_text(&log, &last);

		assert_int_equal(first_of(end, 999), 1000 - tail);
	}
	finish(&log);
}

static void the_oldest_go_and_the_whole_is_bounded(void **state)
{
	struct log log;

	for (unsigned int files = 1; files < 5; files++) {
		const struct log_limits limits = { .file_bytes = 1024, .files = files };

		init(&log);
		write_lines(&log, &limits, 0, 1000);
		assert_in_range(bytes_of(&log), 1, 1024 * files);

		autofree char *text = read_text(&log, &all);

		assert_true(first_of(text, 999) > 0);
		finish(&log);
	}
}

static void a_line_that_never_ends_is_bounded_too(void **state)
{
	const struct log_limits limits = { .file_bytes = 1024, .files = 3 };
	struct log_writer writer = LOG_WRITER_NULL;
	char bytes[32768];
	struct log log;

	init(&log);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(log_writer_open(&writer, log.path, &limits), 0);
	for (int i = 0; i < 32; i++)
		log_writer_add(&writer, "stdout", &when, bytes, sizeof(bytes));
	assert_int_equal(writer.dropped_bytes, 0);
	log_writer_finish(&writer);
	assert_in_range(bytes_of(&log), 2000, 3 * 1024);

	autofree char *text = read_text(&log, &all);

	assert_in_range(strlen(text), 2000, 3 * 1024);
	assert_int_equal(strspn(text, "x"), strlen(text));
	finish(&log);
}

/* Writes until the call at which it is to die. Returns whether it came so far. */
static bool die_at(const struct log *log, const struct log_limits *limits, int call,
		   int acknowledge)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct log_writer writer = LOG_WRITER_NULL;

		calls_left = call;
		if (log_writer_open(&writer, log->path, limits) < 0)
			_exit(1);
		for (int i = 0; i < 45; i++) {
			add(&writer, i);
			if (pwrite(acknowledge, &i, sizeof(i), 0) < 0)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DIED);
	return WEXITSTATUS(status) == DIED;
}

/* Returns the number of the last line in the log; -1 for an empty one. */
static int last_of(const char *text)
{
	int last = -1;

	for (const char *at = text; *at; at = strchr(at, '\n') + 1)
		assert_int_equal(sscanf(at, "line %06d\n", &last), 1);
	return last;
}

static void survive_deaths(unsigned int files)
{
	const struct log_limits limits = { .file_bytes = 1024, .files = files };
	bool died = true;
	int deaths = 0;

	for (int call = 0; died; call++, deaths++) {
		struct log log;
		int acknowledged = -1;

		init(&log);

		autoclose int note = open(log.dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

		died = die_at(&log, &limits, call, note);
		(void)!pread(note, &acknowledged, sizeof(acknowledged), 0);

		/* What a reader finds is whole, and has all that was taken. */
		autofree char *before = bytes_of(&log) > 0 ? read_text(&log, &all) : xstrdup("");
		int last = last_of(before);

		assert_in_range(last + 1, acknowledged + 1, acknowledged + 2);
		if (last >= 0)
			first_of(before, last);

		/* And so it is when another writer has gone on. */
		write_lines(&log, &limits, last + 1, 60);
		assert_in_range(bytes_of(&log), 1, 1024 * files);

		autofree char *after = read_text(&log, &all);

		assert_true(first_of(after, last + 60) == 0 || files < 10);
		finish(&log);
	}
	assert_true(deaths > 45 * 3);
}

static void a_writer_that_is_killed_at_any_call_loses_no_line(void **state)
{
	survive_deaths(20);
	survive_deaths(2);
}

static void a_follower_gets_each_line_once_while_files_come_and_go(void **state)
{
	const struct log_limits limits = { .file_bytes = 2048, .files = 1000 };
	const int count = 20000;
	struct log log;
	int end[2];

	init(&log);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);

	pid_t child = fork();

	if (child == 0) {
		(void)close(end[0]);
		write_lines(&log, &limits, 0, count);
		_exit(0);
	}
	(void)close(end[1]);

	const struct log_read_options follow = { .tail = -1, .follow = true, .end_fd = end[0] };
	autofree char *text = read_text(&log, &follow);

	assert_int_equal(first_of(text, count - 1), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)close(end[0]);
	finish(&log);
}

static void a_follower_that_is_too_slow_is_told_of_its_loss(void **state)
{
	const struct log_limits limits = { .file_bytes = 1024, .files = 2 };
	struct log log;
	int out[2], end[2];
	char bytes[65536];
	ssize_t got;

	init(&log);
	write_lines(&log, &limits, 0, 1);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);

	pid_t child = fork();

	if (child == 0) {
		const struct log_read_options follow = { .tail = -1,
							 .follow = true,
							 .end_fd = end[0] };

		(void)close(end[1]);
		_exit(read_to(&log, &follow, out[1]) < 0);
	}
	(void)close(out[1]);
	assert_true(read(out[0], bytes, sizeof(bytes)) > 0);
	/* While it sleeps. */
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
	write_lines(&log, &limits, 1, 1000);
	(void)close(end[1]);
	assert_int_equal(kill(child, SIGCONT), 0);
	for (size_t size = 0; (got = read(out[0], bytes + size, sizeof(bytes) - 1 - size)) > 0;) {
		size += (size_t)got;
		bytes[size] = '\0';
	}
	assert_non_null(strstr(bytes, "[output is missing here"));
	assert_non_null(strstr(bytes, "line 001000\n"));
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)close(out[0]);
	(void)close(end[0]);
	finish(&log);
}

static void what_a_killed_writer_has_torn_is_cut_off(void **state)
{
	const struct log_limits limits = { .file_bytes = 1024, .files = 2 };
	struct log log;

	init(&log);
	write_lines(&log, &limits, 0, 1);

	autoclose int fd = open(log.path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(file_write_all(fd, "2026-11-22T01:22:03.0000\0\0\0", 27), 0);
	write_lines(&log, &limits, 1, 1);

	autofree char *text = read_text(&log, &all);

	assert_string_equal(text, "line 000000\nline 000001\n");
	finish(&log);
}

static void the_end_of_a_large_log_is_found_without_reading_it(void **state)
{
	const struct log_limits limits = { .files = 1 };
	const struct log_read_options last = { .tail = 10, .end_fd = -1 };
	struct log_writer writer = LOG_WRITER_NULL;
	autorun(text_finish) struct text lines = {};
	struct log log;
	struct {
		unsigned long long before, after;
	} read_bytes;
	char *io = NULL;
	size_t size;

	init(&log);
	for (int i = 0; i < 2000; i++)
		text_addf(&lines, "line %06d\n", i);
	assert_int_equal(log_writer_open(&writer, log.path, &limits), 0);
	for (int i = 0; i < 500; i++)
		log_writer_add(&writer, "stdout", &when, lines.data, lines.length);
	log_writer_finish(&writer);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/io", 4096, &io, &size), 0);
	assert_int_equal(sscanf(io, "rchar: %llu", &read_bytes.before), 1);
	freep(&io);

	autofree char *text = read_text(&log, &last);

	assert_int_equal(first_of(text, 1999), 1990);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/io", 4096, &io, &size), 0);
	assert_int_equal(sscanf(io, "rchar: %llu", &read_bytes.after), 1);
	freep(&io);
	assert_in_range(read_bytes.after - read_bytes.before, 1, 300000);
	finish(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_files_are_one_log),
		cmocka_unit_test(the_oldest_go_and_the_whole_is_bounded),
		cmocka_unit_test(a_line_that_never_ends_is_bounded_too),
		cmocka_unit_test(a_writer_that_is_killed_at_any_call_loses_no_line),
		cmocka_unit_test(a_follower_gets_each_line_once_while_files_come_and_go),
		cmocka_unit_test(a_follower_that_is_too_slow_is_told_of_its_loss),
		cmocka_unit_test(what_a_killed_writer_has_torn_is_cut_off),
		cmocka_unit_test(the_end_of_a_large_log_is_found_without_reading_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
