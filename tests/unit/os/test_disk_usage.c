/* SPDX-License-Identifier: MIT */
#include "os/disk_usage.h"

#include "base/scope.h"
#include "os/path.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/lxcri-test-usage-XXXXXX";

static void write_bytes(const char *name, size_t size)
{
	static const char page[4096] = "x";
	autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (size_t done = 0; done < size; done += sizeof(page))
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	assert_int_equal(fsync(fd), 0);
}

static uint64_t usage_of(const char *name)
{
	autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct disk_usage usage = {};

	assert_int_equal(disk_usage_add(&usage, dir, name), 0);
	disk_usage_finish(&usage);
	return usage.bytes;
}

static void a_file_with_several_names_counts_once(void **state)
{
	uint64_t before;

	write_bytes("a", 1 << 20);
	before = usage_of(".");
	assert_true(before >= 1 << 20 && before < 3 << 19);

	autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(mkdirat(dir, "below", 0700), 0);
	assert_int_equal(linkat(dir, "a", dir, "below/b", 0), 0);
	assert_true(usage_of(".") < before + (1 << 19));
	assert_true(usage_of("below") >= 1 << 20);

	/* Of two trees that share it, too. */
	struct disk_usage usage = {};

	assert_int_equal(disk_usage_add(&usage, dir, "a"), 0);
	assert_int_equal(disk_usage_add(&usage, dir, "below"), 0);
	disk_usage_finish(&usage);
	assert_int_equal(usage.files, 2);
}

static void a_hole_takes_no_room_and_a_link_is_not_followed(void **state)
{
	autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = openat(dir, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, 1 << 30), 0);
	assert_true(usage_of("sparse") < 1 << 20);
	assert_int_equal(symlinkat("/usr", dir, "link"), 0);
	assert_true(usage_of("link") < 1 << 20);
}

static void what_is_absent_takes_no_room(void **state)
{
	assert_int_equal(usage_of("nothing"), 0);
}

static int make_directory(void **state)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	return path_remove_tree(AT_FDCWD, directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_with_several_names_counts_once),
		cmocka_unit_test(a_hole_takes_no_room_and_a_link_is_not_followed),
		cmocka_unit_test(what_is_absent_takes_no_room),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
