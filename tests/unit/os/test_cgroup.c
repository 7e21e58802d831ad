/* SPDX-License-Identifier: MIT */
#include "os/cgroup/cgroup.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/cgroup/cgroup_move.h"
#include "os/file.h"
#include "test.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns the path of a new cgroup, owned by the caller; NULL where none can be made. */
static char *make_cgroup(void)
{
	static const char *const hierarchies[] = { "/sys/fs/cgroup/freezer", "/sys/fs/cgroup" };

	for (size_t i = 0; i < ARRAY_LEN(hierarchies); i++) {
		autofree char *path = xformat("%s/test-cgroup-%d", hierarchies[i], (int)getpid());

		if (access(hierarchies[i], F_OK) == 0 && mkdir(path, 0755) == 0)
			return steal(path);
	}
	return NULL;
}

static void a_cgroup_is_removed_with_those_that_a_dot_hides(void **state)
{
	autofree char *path = make_cgroup();

	if (!path && geteuid() != 0)
		skip();
	assert_non_null(path);

	autofree char *hidden = xformat("%s/.hidden", path);

	assert_int_equal(mkdir(hidden, 0755), 0);

	int r = cgroup_remove(path, 200);

	(void)rmdir(hidden);
	(void)rmdir(path);
	assert_int_equal(r, 0);
}

static void the_cgroup_of_the_process_lists_it(void **state)
{
	autofree char *path = cgroup_of_self();
	autofree char *own = xformat("%d", (int)getpid());
	autofree char *listed = NULL;
	bool found = false;
	size_t size;
	char *at = NULL;

	assert_non_null(path);

	autofree char *procs = xformat("%s/cgroup.procs", path);

	assert_int_equal(file_read(AT_FDCWD, procs, 1u << 20, &listed, &size), 0);
	for (char *line = strtok_r(listed, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
		found = found || strcmp(line, own) == 0;
	assert_true(found);
}

static void expecting_a_move_moves_nothing(void **state)
{
	autofree char *before = NULL;
	autofree char *after = NULL;
	size_t size;

	assert_int_equal(file_read(AT_FDCWD, "/proc/self/cgroup", 1u << 20, &before, &size), 0);
	for (int i = 0; i < 8; i++)
		cgroup_expect_move(i % 2 == 0);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/cgroup", 1u << 20, &after, &size), 0);
	assert_string_equal(after, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cgroup_of_the_process_lists_it),
		cmocka_unit_test(expecting_a_move_moves_nothing),
		cmocka_unit_test(a_cgroup_is_removed_with_those_that_a_dot_hides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
