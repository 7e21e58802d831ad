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

/* Tells whether this process has a lock on the file. Another one asks: with its descriptor this one
 * would close its lock too. */
static bool is_locked(int dir, const char *name)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
		pid_t holder = 0;
		int r = file_find_lock(fd, NULL, &holder);

		_exit(r < 0 || (r > 0 && holder != getppid()) ? 99 : r);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_in_range(WEXITSTATUS(status), 0, 1);
	return WEXITSTATUS(status) == 1;
}

static void a_file_is_locked_from_the_moment_at_which_it_is_there(void **state)
{
	autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int first = -1;
	int second = -1;

	assert_int_equal(file_write_locked(dir, "locked", "1", 1, 0600, &first), 0);
	assert_true(is_locked(dir, "locked"));
	assert_int_equal(file_write_locked(dir, "locked", "22", 2, 0600, &second), 0);
	close(first); /* of the file that was there */
	assert_true(is_locked(dir, "locked"));
	close(second);
	assert_false(is_locked(dir, "locked"));

	autofree char *text = NULL;
	size_t size;

	assert_int_equal(file_read(dir, "locked", 10, &text, &size), 0);
	assert_string_equal(text, "22");
	assert_int_equal(unlinkat(dir, "locked", 0), 0);
}

static void a_lock_is_asked_for_by_its_place_and_not_taken(void **state)
{
	const struct flock second = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1
	};
	const struct flock third = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 1
	};
	autofree char *path = NULL;

	assert_true(asprintf(&path, "%s/places", directory) > 0);

	autoclose int ours = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	autoclose int theirs = open(path, O_RDWR | O_CLOEXEC);
	struct flock taken = second;
	pid_t holder = 1;

	assert_int_equal(file_find_lock(ours, NULL, NULL), 0);
	assert_int_equal(fcntl(theirs, F_OFD_SETLK, &taken), 0);
	assert_int_equal(file_find_lock(ours, NULL, &holder), 1);
	assert_int_equal(holder, -1);
	assert_int_equal(file_find_lock(ours, &second, NULL), 1);
	assert_int_equal(file_find_lock(ours, &third, NULL), 0);
	assert_int_equal(file_find_lock(theirs, &second, NULL), 0); /* its own */
	closep(&theirs);
	assert_int_equal(file_find_lock(ours, NULL, NULL), 0);
	assert_int_equal(file_find_lock(-1, NULL, NULL), -EBADF);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_written_at_a_name_or_a_path),
		cmocka_unit_test(a_parent_that_is_missing_is_told),
		cmocka_unit_test(what_a_writer_leaves_is_known_by_its_name),
		cmocka_unit_test(what_is_there_of_some_files_is_flushed),
		cmocka_unit_test(a_file_is_locked_from_the_moment_at_which_it_is_there),
		cmocka_unit_test(a_lock_is_asked_for_by_its_place_and_not_taken),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
