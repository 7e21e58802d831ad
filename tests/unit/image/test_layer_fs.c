/* SPDX-License-Identifier: MIT */
#include "lxcri/layer_fs.h"

#include "base/sha256.h"
#include "base/text.h"
#include "os/path.h"
#include "scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define BLOCK 512

/* One header of a tar archive and what follows it. */
static void add_entry(struct text *tar, const char *name, char type, const char *content)
{
	char header[BLOCK] = {};
	size_t size = content ? strlen(content) : 0;
	unsigned int sum = 0;

	(void)snprintf(header, 100, "%s", name);
	memcpy(header + 100, type == '5' ? "0000755" : "0000644", 8);
	memcpy(header + 108, "0000000", 8);
	memcpy(header + 116, "0000000", 8);
	(void)snprintf(header + 124, 12, "%011o", (unsigned int)size & 0777);
	memcpy(header + 136, "00000000001", 12);
	memset(header + 148, ' ', 8);
	header[156] = type;
	memcpy(header + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)header[i];
	(void)snprintf(header + 148, 8, "%06o", sum);
	text_append(tar, header, BLOCK);
	if (size == 0)
		return;
	memset(header, 0, BLOCK);
	memcpy(header, content, size);
	text_append(tar, header, BLOCK);
}

/* Writes an archive as the file @name of the test and makes it a layer. */
static struct lxcri_layer *make_layer(const char *dir, const char *name, struct text *tar,
				      const char *below)
{
	static const char end[2 * BLOCK];
	autofree char *path = xformat("%s/%s", dir, name);
	autofree char *digest = NULL;
	char hex[SHA256_HEX_SIZE];
	struct lxcri_layer *layer;
	struct lxcri_error err = {};

	text_append(tar, end, sizeof(end));

	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, tar->data, tar->length), 0);
	sha256_hex(tar->data, tar->length, hex);
	digest = xformat("sha256:%s", hex);

	const struct lxcri_layer_metadata metadata = {
		.media_type = "application/vnd.oci.image.layer.v1.tar",
		.digest = digest,
		.size = tar->length,
		.storage_path = path,
		.dependencies = &below,
		.n_dependencies = below ? 1 : 0,
	};

	assert_int_equal(lxcri_layer_create(&metadata, &layer, &err), 0);
	return layer;
}

static struct lxcri_layer *make_base(const char *dir)
{
	autorun(text_finish) struct text tar = {};

	add_entry(&tar, "kept", '0', "kept");
	add_entry(&tar, "changed", '0', "old");
	add_entry(&tar, "gone", '0', "x");
	add_entry(&tar, "tree/", '5', NULL);
	add_entry(&tar, "tree/old", '0', "x");
	return make_layer(dir, "base.tar", &tar, NULL);
}

static struct lxcri_layer *make_top(const char *dir, const struct lxcri_layer *base)
{
	autorun(text_finish) struct text tar = {};

	add_entry(&tar, "changed", '0', "new");
	add_entry(&tar, ".wh.gone", '0', NULL);
	add_entry(&tar, "tree/", '5', NULL);
	add_entry(&tar, "tree/.wh..wh..opq", '0', NULL);
	return make_layer(dir, "top.tar", &tar, lxcri_layer_metadata(base)->digest);
}

/* A file system with both layers in it. */
struct stack {
	char *base;
	char *path; /* where it is to be mounted */
	struct lxcri_layer *layers[2];
	struct lxcri_layer_fs *fs;
	struct lxcri_error err;
};

static void stack_init(struct stack *stack, const char *dir)
{
	*stack =
		(struct stack){ .base = xformat("%s/base", dir), .path = xformat("%s/mnt/x", dir) };
	stack->layers[0] = make_base(dir);
	stack->layers[1] = make_top(dir, stack->layers[0]);
	assert_int_equal(lxcri_layer_fs_create(stack->base, NULL, &stack->fs, &stack->err), 0);
	for (size_t i = 0; i < ARRAY_LEN(stack->layers); i++)
		assert_int_equal(lxcri_layer_fs_add(stack->fs, stack->layers[i], &stack->err), 0);
}

static void stack_finish(struct stack *stack)
{
	lxcri_layer_fs_free(stack->fs);
	for (size_t i = 0; i < ARRAY_LEN(stack->layers); i++)
		lxcri_layer_unref(stack->layers[i]);
	free(stack->base);
	free(stack->path);
}

static bool has_text(int root, const char *name, const char *expected)
{
	autofree char *text = NULL;
	size_t size;

	return file_read(root, name, 100, &text, &size) == 0 && strcmp(text, expected) == 0;
}

static size_t count_names(const char *dir, const char *name)
{
	autofree char *path = xformat("%s/%s", dir, name);
	autorun(strings_finish) struct strings names = {};

	assert_int_equal(path_list_shown(path, &names), 0);
	return names.count;
}

static void layers_are_unpacked_and_mounted_in_order_where_nobody_else_sees_them(void **state)
{
	struct stack stack;

	stack_init(&stack, *state);
	assert_int_equal(count_names(stack.base, "layers"), 2);
	assert_int_equal(lxcri_layer_fs_mount(stack.fs, stack.path, &stack.err), 0);
	assert_int_equal(count_names(stack.path, "."), 0);

	int root = lxcri_layer_fs_open(stack.fs, stack.path, &stack.err);

	assert_true(root >= 0);
	assert_true(has_text(root, "kept", "kept") && has_text(root, "changed", "new"));
	assert_int_equal(faccessat(root, "gone", F_OK, 0), -1);
	assert_int_equal(faccessat(root, "tree", F_OK, 0), 0);
	assert_int_equal(faccessat(root, "tree/old", F_OK, 0), -1);
	assert_int_equal(file_write_atomic(root, "mine", "mine", 4, 0600, FILE_VOLATILE), 0);
	/* What is in use stays. */
	assert_int_equal(lxcri_layer_fs_unmount(stack.fs, stack.path, &stack.err), -1);
	assert_int_equal(stack.err.code, LXCRI_E_UNMOUNT_FAILED);
	assert_true(has_text(root, "mine", "mine"));
	closep(&root);
	stack.err = (struct lxcri_error){};
	assert_int_equal(lxcri_layer_fs_unmount(stack.fs, stack.path, &stack.err), 0);
	assert_int_equal(count_names(stack.base, "mounts"), 0);
	assert_int_equal(count_names(stack.base, "layers"), 2);
	stack_finish(&stack);
}

static void what_was_written_is_lost_with_the_mount_and_never_in_a_layer(void **state)
{
	struct stack stack;
	int root;

	stack_init(&stack, *state);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(lxcri_layer_fs_mount(stack.fs, stack.path, &stack.err), 0);
		root = lxcri_layer_fs_open(stack.fs, stack.path, &stack.err);
		assert_true(has_text(root, "kept", "kept"));
		assert_int_equal(file_write_atomic(root, "kept", "changed", 7, 0600, FILE_VOLATILE),
				 0);
		closep(&root);
		assert_int_equal(lxcri_layer_fs_unmount(stack.fs, stack.path, &stack.err), 0);
	}
	stack_finish(&stack);
}

static void a_process_can_go_into_the_namespace_of_a_mount(void **state)
{
	struct stack stack;
	int status;

	stack_init(&stack, *state);
	assert_int_equal(lxcri_layer_fs_mount(stack.fs, stack.path, &stack.err), 0);

	pid_t child = fork();

	if (child == 0) {
		int space = lxcri_layer_fs_namespace(stack.fs, stack.path, &stack.err);

		_exit(space < 0 || setns(space, CLONE_NEWNS) < 0 || chdir(stack.path) < 0 ||
		      !has_text(AT_FDCWD, "changed", "new"));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(lxcri_layer_fs_namespace(stack.fs, "/", &stack.err), -1);
	assert_int_equal(stack.err.code, LXCRI_E_NAMESPACE_ERROR);
	stack_finish(&stack);
}

static int refuse_namespaces(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	return filter && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0) == 0
		       ? seccomp_load(filter)
		       : -1;
}

static void a_mount_without_a_namespace_is_not_made(void **state)
{
	struct stack stack;
	int status;

	stack_init(&stack, *state);

	pid_t child = fork();

	if (child == 0)
		_exit(refuse_namespaces() < 0 ||
		      lxcri_layer_fs_mount(stack.fs, stack.path, &stack.err) == 0 ||
		      stack.err.code != LXCRI_E_NAMESPACE_ERROR);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(count_names(stack.base, "mounts"), 0);
	assert_int_equal(count_names(stack.path, "."), 0);
	stack_finish(&stack);
}

static void bytes_that_are_not_those_of_the_digest_are_refused(void **state)
{
	struct stack stack;
	autorun(text_finish) struct text tar = {};
	struct lxcri_layer *layer;

	stack_init(&stack, *state);
	add_entry(&tar, "other", '0', "x");
	layer = make_layer(*state, "other.tar", &tar, NULL);
	scratch_write(*state, "other.tar", "changed");
	assert_int_equal(lxcri_layer_fs_add(stack.fs, layer, &stack.err), -1);
	assert_true(stack.err.code == LXCRI_E_INTEGRITY_CHECK_FAILED ||
		    stack.err.code == LXCRI_E_EXTRACT_FAILED);
	lxcri_layer_unref(layer);
	assert_int_equal(count_names(stack.base, "layers"), 2);
	stack_finish(&stack);
}

static void what_lies_below_must_have_been_added(void **state)
{
	autofree char *base = xformat("%s/base", (char *)*state);
	struct lxcri_layer *layers[] = { make_base(*state), NULL };
	struct lxcri_layer_fs *fs;
	struct lxcri_error err = {};

	layers[1] = make_top(*state, layers[0]);
	assert_int_equal(lxcri_layer_fs_create(base, NULL, &fs, &err), 0);
	assert_int_equal(lxcri_layer_fs_add(fs, layers[1], &err), -1);
	assert_int_equal(err.code, LXCRI_E_DEPENDENCY_ERROR);
	assert_int_equal(lxcri_layer_fs_mount(fs, *state, &err), -1);
	assert_int_equal(err.code, LXCRI_E_MOUNT_FAILED);
	assert_int_equal(lxcri_layer_fs_unmount(fs, *state, &err), -1);
	assert_int_equal(err.code, LXCRI_E_UNMOUNT_FAILED);
	lxcri_layer_fs_free(fs);
	lxcri_layer_unref(layers[0]);
	lxcri_layer_unref(layers[1]);
}

static void a_file_system_that_cannot_be_had_is_told_by_its_own_code(void **state)
{
	static const struct lxcri_layer_fs_options zfs = { .zfs_pool = "no/pool of that name" };
	autofree char *file = xformat("%s/file", (char *)*state);
	autofree char *base = xformat("%s/base", (char *)*state);
	struct lxcri_layer_fs *fs = NULL;
	struct lxcri_error err = {};

	scratch_write(*state, "file", "");
	assert_int_equal(lxcri_layer_fs_create(file, NULL, &fs, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INITIALIZATION_FAILED);
	assert_int_equal(lxcri_layer_fs_create(base, &zfs, &fs, &err), -1);
	assert_int_equal(err.code, LXCRI_E_ZFS_ERROR);
	assert_null(fs);
}

static void garbage_is_what_nobody_added_or_has_mounted(void **state)
{
	struct stack stack;
	struct lxcri_layer_fs *other;
	struct lxcri_collected collected;
	struct lxcri_error err = {};

	stack_init(&stack, *state);
	assert_int_equal(lxcri_layer_fs_create(stack.base, NULL, &other, &err), 0);
	/* Young, mounted elsewhere, added here: all stay. */
	assert_int_equal(lxcri_layer_fs_collect(other, false, &collected, &err), 0);
	assert_int_equal(collected.layers_removed, 0);
	assert_int_equal(lxcri_layer_fs_mount(stack.fs, stack.path, &err), 0);
	assert_int_equal(lxcri_layer_fs_collect(other, true, &collected, &err), 0);
	assert_int_equal(collected.layers_removed, 0);
	assert_int_equal(lxcri_layer_fs_unmount(stack.fs, stack.path, &err), 0);
	assert_int_equal(lxcri_layer_fs_collect(stack.fs, true, &collected, &err), 0);
	assert_int_equal(collected.layers_removed, 0);
	assert_int_equal(count_names(stack.base, "layers"), 2);
	assert_int_equal(lxcri_layer_fs_collect(other, true, &collected, &err), 0);
	assert_int_equal(collected.layers_removed, 2);
	assert_int_equal(collected.errors, 0);
	assert_true(collected.bytes_freed > 0);
	assert_int_equal(count_names(stack.base, "layers"), 0);
	lxcri_layer_fs_free(other);
	stack_finish(&stack);
}

/* Makes all layers look as if they had been used @seconds ago. */
static void make_older(const char *base, time_t seconds)
{
	autofree char *path = xformat("%s/layers", base);
	autorun(strings_finish) struct strings names = {};
	const struct timespec when = { .tv_sec = time(NULL) - seconds };
	const struct timespec times[2] = { when, when };

	assert_int_equal(path_list_shown(path, &names), 0);
	for (size_t i = 0; i < names.count; i++) {
		autofree char *record = xformat("%s/%s/layer.json", path, names.items[i]);

		assert_int_equal(utimensat(AT_FDCWD, record, times, 0), 0);
	}
}

static void what_was_mounted_a_short_while_ago_is_no_garbage(void **state)
{
	static const struct lxcri_layer_fs_options options = { .grace_seconds = 1000 };
	struct stack stack;
	struct lxcri_layer_fs *other;
	struct lxcri_collected collected;
	struct lxcri_error err = {};

	stack_init(&stack, *state);
	assert_int_equal(lxcri_layer_fs_create(stack.base, &options, &other, &err), 0);
	make_older(stack.base, 2000);
	assert_int_equal(lxcri_layer_fs_mount(stack.fs, stack.path, &err), 0);
	make_older(stack.base, 2000);
	assert_int_equal(lxcri_layer_fs_unmount(stack.fs, stack.path, &err), 0);
	assert_int_equal(lxcri_layer_fs_collect(other, false, &collected, &err), 0);
	assert_int_equal(collected.layers_removed, 0);
	make_older(stack.base, 900);
	assert_int_equal(lxcri_layer_fs_collect(other, false, &collected, &err), 0);
	assert_int_equal(collected.layers_removed, 0);
	make_older(stack.base, 2000);
	assert_int_equal(lxcri_layer_fs_collect(other, false, &collected, &err), 0);
	assert_int_equal(collected.layers_removed, 2);
	lxcri_layer_fs_free(other);
	stack_finish(&stack);
}

static void what_a_killed_process_had_mounted_is_garbage(void **state)
{
	struct stack stack;
	struct lxcri_collected collected;
	int status;

	stack_init(&stack, *state);

	pid_t child = fork();

	if (child == 0) {
		(void)lxcri_layer_fs_mount(stack.fs, stack.path, &stack.err);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(count_names(stack.base, "mounts"), 1);
	assert_int_equal(lxcri_layer_fs_collect(stack.fs, false, &collected, &stack.err), 0);
	assert_int_equal(count_names(stack.base, "mounts"), 0);
	stack_finish(&stack);
}

static void the_directory_of_an_engine_is_not_collected(void **state)
{
	struct stack stack;
	struct lxcri_collected collected;

	stack_init(&stack, *state);
	scratch_write(stack.base, "state.db", "");
	assert_int_equal(lxcri_layer_fs_collect(stack.fs, true, &collected, &stack.err), -1);
	assert_int_equal(stack.err.code, LXCRI_E_GARBAGE_COLLECTION_FAILED);
	assert_int_equal(collected.errors, 1);
	stack_finish(&stack);
}

#define LAYER_FS_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

/* A test's binary stands elsewhere in the build directory than the worker. */
static void find_worker(void)
{
	char self[PATH_MAX] = "";
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	autofree char *link = NULL;

	assert_true(length > 0);
	*strrchr(self, '/') = '\0';
	link = xformat("%s/lxcri-worker", self);
	assert_true(symlink("../../../lxcri-worker", link) == 0 || errno == EEXIST);
	assert_int_equal(access(link, X_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAYER_FS_TEST(layers_are_unpacked_and_mounted_in_order_where_nobody_else_sees_them),
		LAYER_FS_TEST(what_was_written_is_lost_with_the_mount_and_never_in_a_layer),
		LAYER_FS_TEST(a_process_can_go_into_the_namespace_of_a_mount),
		LAYER_FS_TEST(a_mount_without_a_namespace_is_not_made),
		LAYER_FS_TEST(bytes_that_are_not_those_of_the_digest_are_refused),
		LAYER_FS_TEST(what_lies_below_must_have_been_added),
		LAYER_FS_TEST(a_file_system_that_cannot_be_had_is_told_by_its_own_code),
		LAYER_FS_TEST(garbage_is_what_nobody_added_or_has_mounted),
		LAYER_FS_TEST(what_was_mounted_a_short_while_ago_is_no_garbage),
		LAYER_FS_TEST(what_a_killed_process_had_mounted_is_garbage),
		LAYER_FS_TEST(the_directory_of_an_engine_is_not_collected),
	};

	find_worker();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
