/* SPDX-License-Identifier: MIT */
#include "os/cgroup.h"

#include "base/mem.h"
#include "base/scope.h"
#include "test.h"

#include <stdio.h>
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

	if (!path)
		skip();

	autofree char *hidden = xformat("%s/.hidden", path);

	assert_int_equal(mkdir(hidden, 0755), 0);

	int r = cgroup_remove(path, 200);

	(void)rmdir(hidden);
	(void)rmdir(path);
	assert_int_equal(r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cgroup_is_removed_with_those_that_a_dot_hides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
