/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/scope.h"
#include "base/strings.h"
#include "os/cgroup/cgroup.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/path.h"
#include "os/userns.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LOWERS 500

/* The id of the host behind root. */
#define MAPPED 1000000

/* Directories of one test. The names have what separates options of a mount. */
struct layers {
	char dir[32];
	struct strings lowers;
	char *upper;
	char *work;
	char *target;
};

static char *make_dir(const struct layers *layers, const char *name)
{
	char *path = xformat("%s/%s", layers->dir, name);

	assert_int_equal(mkdir(path, 0755), 0);
	return path;
}

static void write_file(const char *dir, const char *name, const char *text)
{
	autofree char *path = xformat("%s/%s", dir, name);
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static void layers_init(struct layers *layers, size_t count)
{
	*layers = (struct layers){ .dir = "/tmp/lxcri-mount-XXXXXX" };
	assert_non_null(mkdtemp(layers->dir));
	for (size_t i = 0; i < count; i++) {
		autofree char *name = xformat("lower,%zu:a\\b", i);
		autofree char *number = xformat("%zu", i);
		autofree char *path = make_dir(layers, name);

		write_file(path, number, "");
		write_file(path, "top", number);
		strings_add(&layers->lowers, path);
	}
	layers->upper = make_dir(layers, "upper,u:p");
	layers->work = make_dir(layers, "work,w:k");
	layers->target = make_dir(layers, "target");
}

static void layers_finish(struct layers *layers)
{
	assert_int_equal(path_remove_tree(AT_FDCWD, layers->dir), 0);
	strings_finish(&layers->lowers);
	freep(&layers->upper);
	freep(&layers->work);
	freep(&layers->target);
}

static bool is(const char *dir, const char *name, const char *expected)
{
	autofree char *path = xformat("%s/%s", dir, name);
	autofree char *text = NULL;
	size_t size;

	return file_read(AT_FDCWD, path, 4096, &text, &size) == 0 && strcmp(text, expected) == 0;
}

static int refuse_new_mount_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	return filter && seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(fsopen), 0) == 0
		       ? seccomp_load(filter)
		       : -1;
}

/* Mounts, looks, and returns the exit status of the child that did. */
static int mount_and_look(const struct layers *layers, bool with_upper, bool old_kernel)
{
	const struct mount_overlay overlay = {
		.lowers = (const char *const *)layers->lowers.items,
		.n_lowers = layers->lowers.count,
		.upper = with_upper ? layers->upper : NULL,
		.work = with_upper ? layers->work : NULL,
	};
	autofree char *last = xformat("%zu", layers->lowers.count - 1);
	autofree char *new_file = xformat("%s/new", layers->target);
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (mount_own_namespace() < 0 || (old_kernel && refuse_new_mount_calls() < 0))
			_exit(2);
		if (mount_overlay(&overlay, layers->target) < 0)
			_exit(3);
		if (!is(layers->target, "top", "0") || !is(layers->target, last, ""))
			_exit(4);
		if ((mkdir(new_file, 0700) == 0) != with_upper)
			_exit(5);
		if (!with_upper && errno != EROFS)
			_exit(6);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void an_overlay_takes_many_layers_of_any_name(void **state)
{
	autofree char *made = NULL;
	struct layers layers;

	layers_init(&layers, LOWERS);
	assert_int_equal(mount_and_look(&layers, true, false), 0);
	made = xformat("%s/new", layers.upper);
	assert_int_equal(rmdir(made), 0);
	assert_int_equal(mount_and_look(&layers, false, false), 0);
	layers_finish(&layers);
}

static void a_kernel_without_the_new_calls_mounts_the_same(void **state)
{
	autofree char *made = NULL;
	struct layers layers;

	layers_init(&layers, LOWERS);
	assert_int_equal(mount_and_look(&layers, true, true), 0);
	made = xformat("%s/new", layers.upper);
	assert_int_equal(rmdir(made), 0);
	assert_int_equal(mount_and_look(&layers, false, true), 0);
	layers_finish(&layers);
}

static void a_single_layer_is_read_only(void **state)
{
	struct layers layers;

	layers_init(&layers, 1);
	assert_int_equal(mount_and_look(&layers, false, false), 0);
	layers_finish(&layers);
}

/* What root of a user namespace sees and makes in a mapped overlay; returns an exit status. */
static int look_as_mapped_root(const struct layers *layers)
{
	autofree char *top = xformat("%s/top", layers->target);
	autofree char *made = xformat("%s/made", layers->target);
	struct stat status;

	if (stat(top, &status) < 0 || status.st_uid != MAPPED || status.st_gid != MAPPED)
		return 4;
	if (setresgid(MAPPED, MAPPED, MAPPED) < 0 || setresuid(MAPPED, MAPPED, MAPPED) < 0)
		return 5;
	return mkdir(made, 0700) == 0 && chmod(top, 0600) == 0 ? 0 : 6;
}

static int mount_mapped_and_look(const struct layers *layers, bool old_kernel)
{
	const struct id_map map = { .uids = { { { 0, MAPPED, 1000 } }, 1 },
				    .gids = { { { 0, MAPPED, 1000 } }, 1 } };
	const struct mount_owner owner = { .userns = userns_open(&map), .no_nodes = true };
	const struct mount_overlay overlay = {
		.lowers = (const char *const *)layers->lowers.items,
		.n_lowers = layers->lowers.count,
		.upper = layers->upper,
		.work = layers->work,
		.owner = &owner,
	};
	int status;
	pid_t child;

	assert_true(owner.userns >= 0);
	child = fork();
	if (child == 0) {
		if (mount_own_namespace() < 0 || (old_kernel && refuse_new_mount_calls() < 0))
			_exit(2);
		_exit(mount_overlay(&overlay, layers->target) < 0 ? 3
								  : look_as_mapped_root(layers));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(owner.userns);
	return status;
}

static void assert_owner(const char *dir, const char *name, uid_t owner)
{
	autofree char *path = xformat("%s/%s", dir, name);
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, owner);
	assert_int_equal(status.st_gid, owner);
}

/* What is changed or made belongs to the mapped root on the disk as well. */
static void a_mapped_overlay_leaves_its_layers_alone(void **state)
{
	for (int old_kernel = 0; old_kernel < 2; old_kernel++) {
		struct layers layers;

		layers_init(&layers, 3);
		assert_int_equal(chmod(layers.dir, 0711), 0);
		assert_int_equal(chown(layers.upper, MAPPED, MAPPED), 0);
		assert_int_equal(mount_mapped_and_look(&layers, old_kernel), 0);
		assert_owner(layers.upper, "made", MAPPED);
		assert_owner(layers.upper, "top", MAPPED);
		assert_owner(layers.lowers.items[0], "top", 0);
		layers_finish(&layers);
	}
}

static void a_layer_that_is_missing_is_told(void **state)
{
	const char *const lowers[] = { "/nonexistent/layer" };
	const struct mount_overlay overlay = { .lowers = lowers, .n_lowers = 1 };
	const struct mount_overlay nothing = {};

	assert_int_equal(mount_overlay(&overlay, "/nonexistent"), -ENOENT);
	assert_int_equal(mount_overlay(&nothing, "/nonexistent"), -EINVAL);
}

static void a_file_behind_a_read_only_mount_cannot_be_written(void **state)
{
	char name[] = "/tmp/lxcri-mount-XXXXXX"; /* a program that runs gives another error */
	autoclose int plain = mkostemp(name, O_CLOEXEC);
	autoclose int fd = mount_open_read_only(name);

	assert_true(plain >= 0 && fd >= 0);
	assert_int_equal(unlink(name), 0);

	autofree char *path = xformat("/proc/self/fd/%d", fd);

	assert_true(open(path, O_WRONLY | O_CLOEXEC) < 0);
	assert_int_equal(errno, EROFS);
}

static void a_cgroup_that_is_absent_counts_as_removed(void **state)
{
	autorun(strings_finish) struct strings paths = {};

	assert_int_equal(cgroup_remove("/sys/fs/cgroup/lxcri-absent", 0), 0);
	assert_int_equal(cgroup_kill("/sys/fs/cgroup/lxcri-absent"), 0);
	/* We share all of our own. */
	assert_int_equal(cgroup_list_own(getpid(), &paths), 0);
	assert_int_equal(paths.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_overlay_takes_many_layers_of_any_name),
		cmocka_unit_test(a_kernel_without_the_new_calls_mounts_the_same),
		cmocka_unit_test(a_single_layer_is_read_only),
		cmocka_unit_test(a_mapped_overlay_leaves_its_layers_alone),
		cmocka_unit_test(a_layer_that_is_missing_is_told),
		cmocka_unit_test(a_file_behind_a_read_only_mount_cannot_be_written),
		cmocka_unit_test(a_cgroup_that_is_absent_counts_as_removed),
	};

	if (geteuid() != 0) {
		puts("1..0 # skip: mounts need root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
