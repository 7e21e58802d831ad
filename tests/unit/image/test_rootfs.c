/* SPDX-License-Identifier: MIT */
#include "image/rootfs.h"

#include "scratch.h"

#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static bool is_root(void)
{
	return geteuid() == 0;
}

static char *layer(const char *dir, unsigned int number)
{
	return xformat("%s/layer-%u", dir, number);
}

static void hide(const char *dir, const char *name)
{
	autofree char *path = xformat("%s/%s", dir, name);

	assert_int_equal(mknod(path, S_IFCHR, makedev(0, 0)), 0);
}

static char *merge(const char *dir, unsigned int n_layers)
{
	struct strings layers = {};
	struct lxcri_error err = {};
	char *target = xformat("%s/made/target", dir);

	for (unsigned int i = n_layers; i-- > 0;)
		strings_add_consume(&layers, layer(dir, i));
	assert_int_equal(rootfs_prepare_dir(&layers, target, NULL, &err), 0);
	strings_finish(&layers);
	return target;
}

static void upper_layers_hide_and_replace(void **state)
{
	const char *dir = *state;
	autofree char *lower = layer(dir, 0);
	autofree char *upper = layer(dir, 1);
	autofree char *opaque = xformat("%s/opaque", upper);

	if (!is_root())
		skip();
	scratch_write(lower, "dir/old", "1");
	scratch_write(lower, "dir/kept", "2");
	scratch_write(lower, "opaque/below", "3");
	scratch_write(lower, "becomes-dir", "4");
	scratch_write(lower, "becomes-file/x", "5");
	scratch_write(upper, "dir/new", "6");
	hide(upper, "dir/old");
	hide(upper, "never-was");
	scratch_write(upper, "opaque/above", "7");
	assert_int_equal(setxattr(opaque, "trusted.overlay.opaque", "y", 1, 0), 0);
	scratch_write(upper, "becomes-dir/x", "8");
	scratch_write(upper, "becomes-file", "9");

	autofree char *target = merge(dir, 2);
	autofree char *kept = scratch_read(target, "dir/kept");
	autofree char *inside = scratch_read(target, "becomes-dir/x");
	autofree char *file = scratch_read(target, "becomes-file");

	assert_string_equal(kept, "2");
	assert_string_equal(inside, "8");
	assert_string_equal(file, "9");
	assert_true(scratch_has(target, "dir/new"));
	assert_true(scratch_has(target, "opaque/above"));
	assert_false(scratch_has(target, "dir/old"));
	assert_false(scratch_has(target, "opaque/below"));
	assert_false(scratch_has(target, "never-was"));
}

static void everything_about_a_file_is_kept(void **state)
{
	const char *dir = *state;
	autofree char *lower = layer(dir, 0);
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	struct stat status;
	struct stat other;
	char value[8];

	if (!is_root())
		skip();
	scratch_write(lower, "d/file", "content");

	autoclose int from = open(lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(linkat(from, "d/file", from, "link", 0), 0);
	assert_int_equal(symlinkat("/nowhere", from, "symlink"), 0);
	assert_int_equal(mkfifoat(from, "fifo", 0600), 0);
	assert_int_equal(fchownat(from, "d/file", 7, 8, 0), 0);
	assert_int_equal(fchmodat(from, "d/file", 04751, 0), 0);
	assert_int_equal(fchmodat(from, "d", 01711, 0), 0);
	assert_int_equal(utimensat(from, "d/file", times, 0), 0);
	assert_int_equal(utimensat(from, "d", times, 0), 0);

	autofree char *target = merge(dir, 1);
	autoclose int to = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(fstatat(to, "d/file", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(status.st_mode, S_IFREG | 04751);
	assert_int_equal(status.st_uid, 7);
	assert_int_equal(status.st_gid, 8);
	assert_int_equal(status.st_mtim.tv_sec, 2000);
	assert_int_equal(status.st_mtim.tv_nsec, 7);
	assert_int_equal(fstatat(to, "link", &other, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(other.st_ino == status.st_ino);
	assert_int_equal(fstatat(to, "d", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(status.st_mode, S_IFDIR | 01711);
	assert_int_equal(status.st_mtim.tv_sec, 2000);
	assert_int_equal(fstatat(to, "fifo", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISFIFO(status.st_mode));
	assert_int_equal(readlinkat(to, "symlink", value, sizeof(value)), 8);
}

static void a_symlink_of_a_layer_leads_no_copy_astray(void **state)
{
	const char *dir = *state;
	autofree char *lower = layer(dir, 0);
	autofree char *upper = layer(dir, 1);
	autofree char *outside = xformat("%s/outside", dir);
	autofree char *link = xformat("%s/d", lower);

	if (!is_root())
		skip();
	scratch_write(outside, "file", "untouched");
	scratch_write(lower, "x", "1");
	assert_int_equal(symlink(outside, link), 0);
	scratch_write(upper, "d/file", "evil");

	autofree char *target = merge(dir, 2);
	autofree char *content = scratch_read(outside, "file");
	autofree char *own = scratch_read(target, "d/file");

	assert_string_equal(content, "untouched");
	assert_string_equal(own, "evil");
}

static void holes_stay_holes(void **state)
{
	const char *dir = *state;
	autofree char *lower = layer(dir, 0);
	autofree char *path = xformat("%s/sparse", lower);
	char byte = 0;
	struct stat status;

	if (!is_root())
		skip();
	scratch_write(lower, "sparse", "head");
	assert_int_equal(truncate(path, 32 << 20), 0);

	autofree char *target = merge(dir, 1);
	autofree char *copy = xformat("%s/sparse", target);
	autoclose int fd = open(copy, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, 32 << 20);
	assert_true(status.st_blocks * 512 < 1 << 20);
	assert_int_equal(pread(fd, &byte, 1, 3), 1);
	assert_int_equal(byte, 'd');
}

static void a_directory_with_something_in_it_is_left_alone(void **state)
{
	const char *dir = *state;
	struct strings none = {};
	struct lxcri_error err = {};

	scratch_write(dir, "file", "mine");
	assert_int_equal(rootfs_prepare_dir(&none, dir, NULL, &err), -1);
	assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
	assert_true(scratch_has(dir, "file"));
}

static void a_failed_copy_leaves_no_directory(void **state)
{
	const char *dir = *state;
	autofree char *lower = layer(dir, 0);
	autofree char *target = xformat("%s/target", dir);
	struct strings layers = {};
	struct lxcri_error err = {};

	if (!is_root())
		skip();
	scratch_write(lower, "x", "1");
	strings_add(&layers, "/nonexistent/layer");
	strings_add(&layers, lower);
	assert_int_equal(rootfs_prepare_dir(&layers, target, NULL, &err), -1);
	assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
	assert_non_null(strstr(err.text, "/nonexistent/layer"));
	assert_false(scratch_has(dir, "target"));
	strings_finish(&layers);
}

static void trying_an_overlay_leaves_nothing_behind(void **state)
{
	const char *dir = *state;
	DIR *entries;
	unsigned int count = 0;

	(void)rootfs_try_overlay(dir);
	assert_int_equal(rootfs_try_overlay("/proc"), ROOTFS_NO_OVERLAY);
	entries = opendir(dir);
	assert_non_null(entries);
	while (readdir(entries))
		count++;
	(void)closedir(entries);
	assert_int_equal(count, 2);
}

int main(void)
{
#define scratch_test(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		scratch_test(upper_layers_hide_and_replace),
		scratch_test(everything_about_a_file_is_kept),
		scratch_test(a_symlink_of_a_layer_leads_no_copy_astray),
		scratch_test(holes_stay_holes),
		scratch_test(a_directory_with_something_in_it_is_left_alone),
		scratch_test(a_failed_copy_leaves_no_directory),
		scratch_test(trying_an_overlay_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
