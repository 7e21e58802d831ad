/* SPDX-License-Identifier: MIT */
#include "image/layer/merged.h"
#include "engine/bundle/merged_copy.h"
#include "tree.h"

#include <errno.h>

/* Two layers, "top" over "base", and something beside them that nobody may reach. */
struct image {
	struct tree tree;
	struct strings layers;
};

static void image_init(struct image *image)
{
	*image = (struct image){};
	tree_init(&image->tree);
	tree_layer(&image->tree, "top", &image->layers);
	tree_layer(&image->tree, "base", &image->layers);
	tree_file(&image->tree, "secret", "outside");
}

static void image_finish(struct image *image)
{
	strings_finish(&image->layers);
	tree_finish(&image->tree);
}

/* Returns the text of the file at @path in the image, owned by the caller, or NULL. */
static char *read_text(const struct image *image, const char *path)
{
	autoclose int fd = merged_open_file(&image->layers, path);
	char *text = NULL;
	size_t size;

	if (fd < 0)
		return NULL;
	assert_int_equal(file_read_fd(fd, 1 << 20, &text, &size), 0);
	return text;
}

static void assert_reads(const struct image *image, const char *path, const char *expected)
{
	autofree char *text = read_text(image, path);

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void an_upper_layer_hides_a_lower_one(void **state)
{
	autorun(image_finish) struct image image;

	image_init(&image);
	tree_file(&image.tree, "base/etc/a", "lower");
	tree_file(&image.tree, "base/etc/b", "lower b");
	tree_file(&image.tree, "top/etc/a", "upper");
	assert_reads(&image, "etc/a", "upper");
	assert_reads(&image, "/etc//./b", "lower b");
	assert_int_equal(merged_open_file(&image.layers, "etc/none"), -ENOENT);
	assert_int_equal(merged_open_file(&image.layers, "etc"), -EINVAL);
	assert_int_equal(merged_open_file(&image.layers, "etc/a/b"), -ENOTDIR);
}

static void a_whiteout_and_an_opaque_directory_hide_what_is_below(void **state)
{
	autorun(image_finish) struct image image;
	autorun(merged_finish) struct merged dir = {};
	autorun(strings_finish) struct strings names = {};

	image_init(&image);
	tree_file(&image.tree, "base/etc/gone", "lower");
	tree_file(&image.tree, "base/etc/stays", "lower");
	tree_file(&image.tree, "base/opt/old", "lower");
	tree_dir(&image.tree, "top/etc");
	tree_whiteout(&image.tree, "top/etc/gone");
	tree_file(&image.tree, "top/opt/new", "upper");
	tree_opaque(&image.tree, "top/opt");

	assert_int_equal(merged_open_file(&image.layers, "etc/gone"), -ENOENT);
	assert_reads(&image, "etc/stays", "lower");
	assert_int_equal(merged_open_file(&image.layers, "opt/old"), -ENOENT);
	assert_reads(&image, "opt/new", "upper");

	assert_int_equal(merged_open_dir(&image.layers, "etc", &dir), 0);
	assert_int_equal(merged_list(&dir, &names), 0);
	assert_int_equal(names.count, 1);
	assert_string_equal(names.items[0], "stays");
}

static void a_symlink_leads_through_the_merged_tree_and_never_out(void **state)
{
	autorun(image_finish) struct image image;

	image_init(&image);
	tree_file(&image.tree, "base/usr/etc/passwd", "merged");
	tree_link(&image.tree, "top/etc", "/usr/etc");
	assert_reads(&image, "etc/passwd", "merged");

	tree_link(&image.tree, "top/up", "../../../../secret");
	tree_link(&image.tree, "top/host", "/etc/hostname");
	tree_link(&image.tree, "top/loop", "loop");
	assert_int_equal(merged_open_file(&image.layers, "up"), -ENOENT);
	assert_int_equal(merged_open_file(&image.layers, "../secret"), -ENOENT);
	assert_int_equal(merged_open_file(&image.layers, "host"), -ENOENT);
	assert_int_equal(merged_open_file(&image.layers, "loop"), -ELOOP);

	tree_file(&image.tree, "top/secret", "inside");
	assert_reads(&image, "up", "inside");
	assert_reads(&image, "usr/etc/../../secret", "inside");
}

static void only_a_regular_file_is_opened(void **state)
{
	autorun(image_finish) struct image image;

	image_init(&image);
	assert_int_equal(mkfifoat(image.tree.fd, "top/fifo", 0644), 0);
	assert_int_equal(mknodat(image.tree.fd, "top/null", S_IFCHR | 0644, makedev(1, 3)), 0);
	assert_int_equal(merged_open_file(&image.layers, "fifo"), -EINVAL);
	assert_int_equal(merged_open_file(&image.layers, "null"), -EINVAL);
}

static void a_copy_has_what_the_merged_directory_shows(void **state)
{
	autorun(image_finish) struct image image;
	autorun(merged_finish) struct merged dir = {};
	struct stat status;

	image_init(&image);
	tree_file(&image.tree, "base/data/sub/low", "low");
	tree_file(&image.tree, "base/data/gone", "gone");
	tree_file(&image.tree, "top/data/sub/high", "high");
	tree_whiteout(&image.tree, "top/data/gone");
	tree_link(&image.tree, "top/data/out", "/etc/shadow");
	assert_int_equal(fchmodat(image.tree.fd, "top/data/sub/high", 04751, 0), 0);
	assert_int_equal(fchownat(image.tree.fd, "top/data", 70, 71, 0), 0);
	tree_dir(&image.tree, "copy");

	autoclose int to = openat(image.tree.fd, "copy", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(merged_open_dir(&image.layers, "/data", &dir), 0);
	assert_int_equal(merged_copy(&dir, to), 0);
	assert_true(tree_has(&image.tree, "copy/sub/low", "low"));
	assert_true(tree_has(&image.tree, "copy/sub/high", "high"));
	assert_true(fstatat(to, "gone", &status, AT_SYMLINK_NOFOLLOW) < 0);
	assert_int_equal(fstatat(to, "out", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(fstatat(to, "sub/high", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 04751);
	assert_int_equal(fstat(to, &status), 0);
	assert_true(status.st_uid == 70 && status.st_gid == 71);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_upper_layer_hides_a_lower_one),
		cmocka_unit_test(a_whiteout_and_an_opaque_directory_hide_what_is_below),
		cmocka_unit_test(a_symlink_leads_through_the_merged_tree_and_never_out),
		cmocka_unit_test(only_a_regular_file_is_opened),
		cmocka_unit_test(a_copy_has_what_the_merged_directory_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
