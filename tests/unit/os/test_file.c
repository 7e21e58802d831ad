/* SPDX-License-Identifier: MIT */
#include "base/scope.h"
#include "os/file.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/lxcri-test-file-XXXXXX";

static void a_file_is_written_at_a_name_or_a_path(void **state)
{
	char path[64];
	char *text;
	size_t size;
	struct stat status;
	int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir >= 0);
	(void)snprintf(path, sizeof(path), "%s/one", directory);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, "1", 1, 0640, FILE_DURABLE), 0);
	assert_int_equal(file_write_atomic(dir, "two", "2", 1, 0600, FILE_VOLATILE), 0);
	assert_int_equal(file_read(dir, "one", 10, &text, &size), 0);
	assert_string_equal(text, "1");
	free(text);
	assert_int_equal(fstatat(dir, "one", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(file_read(dir, "two", 10, &text, &size), 0);
	assert_string_equal(text, "2");
	free(text);
	assert_int_equal(unlinkat(dir, "one", 0), 0);
	assert_int_equal(unlinkat(dir, "two", 0), 0);
	close(dir);
	/* Nothing but those two was left. */
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
}

static void a_parent_that_is_missing_is_told(void **state)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/missing/one", directory);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, "1", 1, 0600, FILE_VOLATILE), -ENOENT);
}

static void what_a_writer_leaves_is_known_by_its_name(void **state)
{
	static const char *const others[] = { "", ".", ".1", "..1", ".a.", ".a", "a.1", ".a.1b" };

	assert_true(file_is_temporary(".state.json.4711"));
	assert_true(file_is_temporary(".a.1"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(file_is_temporary(others[i]));
}

static void what_is_there_of_some_files_is_flushed(void **state)
{
	static const char *const names[] = { "missing", "one" };
	int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(file_write_atomic(dir, "one", "1", 1, 0600, FILE_VOLATILE), 0);
	assert_int_equal(file_flush_all(dir, names, 2), 0);
	assert_int_equal(unlinkat(dir, "one", 0), 0);
	/* A link is no file of ours. */
	assert_int_equal(symlinkat("/etc/passwd", dir, "one"), 0);
	assert_int_equal(file_flush_all(dir, names, 2), -ELOOP);
	assert_int_equal(unlinkat(dir, "one", 0), 0);
	close(dir);
}

static int make_directory(void **state)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	return rmdir(directory);
}

static short lock_on(int dir, const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int status;
	pid_t pid = fork();

	/* To who holds it a lock is none. */
	if (pid == 0) {
		int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

		_exit(fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 ? 99 : lock.l_type);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return (short)WEXITSTATUS(status);
}

static void a_file_is_locked_from_the_moment_at_which_it_is_there(void **state)
{
	autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int first = -1;
	int second = -1;

	assert_int_equal(file_write_locked(dir, "locked", "1", 1, 0600, &first), 0);
	assert_int_equal(lock_on(dir, "locked"), F_WRLCK);
	assert_int_equal(file_write_locked(dir, "locked", "22", 2, 0600, &second), 0);
	close(first); /* of the file that was there */
	assert_int_equal(lock_on(dir, "locked"), F_WRLCK);
	close(second);
	assert_int_equal(lock_on(dir, "locked"), F_UNLCK);

	autofree char *text = NULL;
	size_t size;

	assert_int_equal(file_read(dir, "locked", 10, &text, &size), 0);
	assert_string_equal(text, "22");
	assert_int_equal(unlinkat(dir, "locked", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_written_at_a_name_or_a_path),
		cmocka_unit_test(a_parent_that_is_missing_is_told),
		cmocka_unit_test(what_a_writer_leaves_is_known_by_its_name),
		cmocka_unit_test(what_is_there_of_some_files_is_flushed),
		cmocka_unit_test(a_file_is_locked_from_the_moment_at_which_it_is_there),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
