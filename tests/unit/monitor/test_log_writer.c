/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/scope.h"
#include "monitor/log_writer.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/path.h"
#include "runtime/log/log_file.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct timespec when = { .tv_sec = 1795310523, .tv_nsec = 4 };

static const struct log_limits unlimited = { .files = 1 };

#define T "2026-11-22T01:22:03.000000004Z "

static char *contents(const char *path)
{
	char *text = NULL;
	size_t size;

	if (file_read(AT_FDCWD, path, 64u << 20, &text, &size) < 0)
		fail_msg("cannot read %s", path);
	return text;
}

static void a_line_is_a_record_and_the_rest_a_piece(void **state)
{
	struct log_writer writer = LOG_WRITER_NULL;
	char dir[] = "/tmp/lxcri-log-XXXXXX";

	assert_non_null(mkdtemp(dir));

	autofree char *path = xformat("%s/log", dir);

	assert_int_equal(log_writer_open(&writer, path, &unlimited), 0);
	log_writer_add(&writer, "stdout", &when, "one\n\ntw", 7);
	log_writer_add(&writer, "stderr", &when, "problem\n", 8);
	log_writer_add(&writer, "stdout", &when, "o\n", 2);
	log_writer_finish(&writer);

	autofree char *log = contents(path);

	assert_string_equal(log, T "stdout F one\n" T "stdout F \n" T "stdout P tw\n" T
				   "stderr F problem\n" T "stdout F o\n");
	assert_int_equal(path_remove_tree(AT_FDCWD, dir), 0);
}

static void a_log_that_was_there_is_added_to(void **state)
{
	char dir[] = "/tmp/lxcri-log-XXXXXX";

	assert_non_null(mkdtemp(dir));

	autofree char *path = xformat("%s/log", dir);

	for (int i = 0; i < 2; i++) {
		struct log_writer writer = LOG_WRITER_NULL;

		assert_int_equal(log_writer_open(&writer, path, &unlimited), 0);
		log_writer_add(&writer, "stdout", &when, "x\n", 2);
		log_writer_finish(&writer);
	}

	autofree char *log = contents(path);

	assert_string_equal(log, T "stdout F x\n" T "stdout F x\n");
	assert_int_equal(path_remove_tree(AT_FDCWD, dir), 0);
}

static void a_chunk_of_many_lines_is_written_completely(void **state)
{
	struct log_writer writer = LOG_WRITER_NULL;
	char dir[] = "/tmp/lxcri-log-XXXXXX";
	char lines[8192];
	size_t count = 0;

	memset(lines, '\n', sizeof(lines));
	assert_non_null(mkdtemp(dir));

	autofree char *path = xformat("%s/log", dir);

	assert_int_equal(log_writer_open(&writer, path, &unlimited), 0);
	log_writer_add(&writer, "stdout", &when, lines, sizeof(lines));
	log_writer_finish(&writer);

	autofree char *log = contents(path);

	for (const char *at = log; (at = strstr(at, T "stdout F \n")); at++)
		count++;
	assert_int_equal(count, sizeof(lines));
	assert_int_equal(path_remove_tree(AT_FDCWD, dir), 0);
}

static void fill_and_free(const char *dir)
{
	struct log_writer writer = LOG_WRITER_NULL;
	autofree char *path = xformat("%s/log", dir);
	autofree char *ballast = xformat("%s/ballast", dir);
	autofree char *zeroes = xcalloc(1, 64u << 10);
	autoclose int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char line[101];

	memset(line, 'x', sizeof(line));
	line[100] = '\n';
	assert_int_equal(log_writer_open(&writer, path, &unlimited), 0);
	log_writer_add(&writer, "stdout", &when, "first\n", 6);
	while (write(fd, zeroes, 64u << 10) > 0)
		continue;
	for (int i = 0; i < 1000; i++)
		log_writer_add(&writer, "stdout", &when, line, sizeof(line));
	assert_true(writer.dropped_bytes > 0);
	assert_int_equal(writer.dropped_bytes % sizeof(line), 0);

	autofree char *note = xformat(T "stderr F [%llu bytes of output are missing here: "
					"No space left on device]\n" T "stdout F last\n",
				      (unsigned long long)writer.dropped_bytes);

	assert_int_equal(ftruncate(fd, 0), 0);
	log_writer_add(&writer, "stdout", &when, "last\n", 5);
	assert_int_equal(writer.dropped_bytes, 0);
	log_writer_finish(&writer);

	autofree char *log = contents(path);

	assert_non_null(strstr(log, note));
	/* Nothing torn is left. */
	for (const char *record = log; *record;) {
		size_t size = strcspn(record, "\n");
		struct log_record parsed;

		assert_int_equal(log_record_parse(record, size, &parsed), 0);
		assert_int_equal(record[size], '\n');
		record += size + 1;
	}
}

static void a_full_disk_loses_whole_records_and_says_how_much(void **state)
{
	char dir[] = "/tmp/lxcri-log-XXXXXX";
	int status;

	if (geteuid() != 0)
		skip(); /* a small file system wants root */
	assert_non_null(mkdtemp(dir));

	pid_t child = fork();

	if (child == 0) {
		if (mount_own_namespace() < 0 || mount_tmpfs(dir, 256u << 10) < 0)
			_exit(2);
		fill_and_free(dir);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(path_remove_tree(AT_FDCWD, dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_record_and_the_rest_a_piece),
		cmocka_unit_test(a_log_that_was_there_is_added_to),
		cmocka_unit_test(a_chunk_of_many_lines_is_written_completely),
		cmocka_unit_test(a_full_disk_loses_whole_records_and_says_how_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
