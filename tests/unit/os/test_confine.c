/* SPDX-License-Identifier: MIT */
#include "os/confine.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/path.h"
#include "os/process.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* What is given up stays given up, so each case runs in a child; it returns 0 for success. */
static int in_child(int (*run)(const char *dir))
{
	char dir[] = "/tmp/lxcri-test-XXXXXX";
	pid_t pid;
	int status;

	assert_non_null(mkdtemp(dir));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(dir));
	status = process_wait(pid);
	assert_int_equal(path_remove_tree(AT_FDCWD, dir), 0);
	return process_exit_code(status);
}

static bool kernel_has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
		       LANDLOCK_CREATE_RULESET_VERSION) >= 0;
}

static int try_files(const char *dir)
{
	autofree char *inside = xformat("%s/inside", dir);
	autofree char *sub = xformat("%s/sub", dir);
	autofree char *outside = xformat("%s-outside", dir);
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct confine_path paths[] = { { fd, CONFINE_WRITE }, { -1, CONFINE_READ } };
	int r = confine_files(paths, ARRAY_LEN(paths));

	if (r < 0)
		return r == -EOPNOTSUPP && !kernel_has_landlock() ? 77 : 1;
	if (mkdir(sub, 0700) < 0 || mknodat(fd, "fifo", S_IFIFO | 0600, 0) < 0 ||
	    renameat(fd, "fifo", fd, "sub/fifo") < 0)
		return 2;
	if (open(inside, O_RDWR | O_CREAT | O_CLOEXEC, 0600) < 0)
		return 3;
	if (open(outside, O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES)
		return 4;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
		return 5;
	/* A descriptor from before is no way out either. */
	if (openat(fd, "../../etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
		return 6;
	return execl("/bin/true", "true", NULL) < 0 && errno == EACCES ? 0 : 7;
}

static void only_the_named_directories_stay_reachable(void **state)
{
	int code = in_child(try_files);

	if (code == 77)
		skip();
	assert_int_equal(code, 0);
}

static int try_capabilities(const char *dir)
{
	static const unsigned int keep[] = { CAP_CHOWN, CAP_MKNOD };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
	autofree char *path = xformat("%s/made", dir);

	if (confine_capabilities(keep, ARRAY_LEN(keep)) < 0)
		return 1;
	if (syscall(SYS_capget, &header, data) < 0)
		return 2;
	if (data[0].permitted & ~(1u << CAP_CHOWN | 1u << CAP_MKNOD) || data[1].permitted)
		return 3;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	if (geteuid() == 0 && (mkdir(path, 0700) < 0 || chown(path, 7, 7) < 0))
		return 5;
	/* The directory is another's now, and the right to override that is gone. */
	return geteuid() == 0 && chmod(path, 0777) == 0 ? 6 : 0;
}

static void only_the_named_capabilities_are_left(void **state)
{
	assert_int_equal(in_child(try_capabilities), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_named_directories_stay_reachable),
		cmocka_unit_test(only_the_named_capabilities_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
