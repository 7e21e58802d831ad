/* SPDX-License-Identifier: MIT */
#include "engine/volumes/volume.h"
#include "tree.h"

#include <dirent.h>

/* A data directory, and an image whose only layer has something at /data. */
struct fixture {
	struct tree tree;
	struct strings layers;
	char *data;
};

static void fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){};
	tree_init(&fixture->tree);
	tree_layer(&fixture->tree, "layer", &fixture->layers);
	tree_file(&fixture->tree, "layer/data/seed", "from the image");
	assert_int_equal(fchownat(fixture->tree.fd, "layer/data", 33, 34, 0), 0);
	assert_int_equal(fchmodat(fixture->tree.fd, "layer/data", 0750, 0), 0);
	fixture->data = xformat("%s/host", fixture->tree.path);
}

static void fixture_finish(struct fixture *fixture)
{
	strings_finish(&fixture->layers);
	free(fixture->data);
	tree_finish(&fixture->tree);
}

/* Ensures a volume of the container "web"; its directory's name below the tree, or NULL. */
static char *ensure(struct fixture *fixture, const char *name, const char *destination)
{
	const struct volume_request request = {
		.data_dir = fixture->data,
		.name = name,
		.container_id = "web",
		.layer_dirs = &fixture->layers,
		.destination = destination,
	};
	autofree char *source = NULL;
	struct lxcri_error err = {};

	if (volume_ensure(&request, &source, &err) < 0)
		return NULL;
	assert_true(strncmp(source, fixture->tree.path, strlen(fixture->tree.path)) == 0);
	return xstrdup(source + strlen(fixture->tree.path) + 1);
}

/* Counts what is no bookkeeping. */
static size_t count_entries(struct fixture *fixture, const char *name)
{
	int fd = openat(fixture->tree.fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	size_t count = 0;

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		count += entry->d_name[0] != '.';
	(void)closedir(dir);
	return count;
}

static void a_new_volume_starts_with_what_the_image_has_there(void **state)
{
	autorun(fixture_finish) struct fixture fixture;
	struct stat status;

	fixture_init(&fixture);

	autofree char *source = ensure(&fixture, "db", "/data");

	assert_string_equal(source, "host/volumes/db/_data");
	assert_true(tree_has(&fixture.tree, "host/volumes/db/_data/seed", "from the image"));
	assert_int_equal(fstatat(fixture.tree.fd, source, &status, 0), 0);
	assert_true(status.st_uid == 33 && status.st_gid == 34);
	assert_int_equal(status.st_mode & 07777, 0750);
}

static void a_volume_that_is_there_keeps_its_data(void **state)
{
	autorun(fixture_finish) struct fixture fixture;

	fixture_init(&fixture);

	autofree char *first = ensure(&fixture, "db", "/elsewhere");

	tree_file(&fixture.tree, "host/volumes/db/_data/own", "mine");

	autofree char *second = ensure(&fixture, "db", "/data");

	assert_string_equal(first, second);
	assert_true(tree_has(&fixture.tree, "host/volumes/db/_data/own", "mine"));
	assert_int_equal(count_entries(&fixture, second), 1);
	assert_int_equal(count_entries(&fixture, "host/volumes"), 1);
}

static void anonymous_volumes_go_with_their_container_and_named_ones_stay(void **state)
{
	autorun(fixture_finish) struct fixture fixture;
	struct lxcri_error err = {};

	fixture_init(&fixture);

	autofree char *named = ensure(&fixture, "db", "/data");
	autofree char *one = ensure(&fixture, NULL, "/data");
	autofree char *two = ensure(&fixture, NULL, "/data");

	assert_string_not_equal(one, two);
	assert_int_equal(strlen(one), strlen("host/volumes/") + 64 + strlen("/_data"));
	assert_int_equal(count_entries(&fixture, one), 1);

	assert_int_equal(volume_remove_owned(fixture.data, "other", &err), 0);
	assert_int_equal(count_entries(&fixture, two), 1);
	assert_int_equal(volume_remove_owned(fixture.data, "web", &err), 0);
	assert_int_equal(volume_remove_owned(fixture.data, "web", &err), 0);
	assert_int_equal(count_entries(&fixture, "host/volumes"), 1); /* db */
	assert_int_equal(count_entries(&fixture, "host/volumes/.owned"), 0);
	assert_int_equal(count_entries(&fixture, named), 1);
}

static void an_announced_volume_that_was_never_made_is_no_obstacle(void **state)
{
	autorun(fixture_finish) struct fixture fixture;
	struct lxcri_error err = {};

	fixture_init(&fixture);
	tree_file(&fixture.tree, "host/volumes/.owned/web/0123456789abcdef", "");
	assert_int_equal(volume_remove_owned(fixture.data, "web", &err), 0);
	assert_int_equal(count_entries(&fixture, "host/volumes/.owned"), 0);
	assert_int_equal(volume_remove_owned("/nonexistent", "web", &err), 0);
}

static void what_a_killed_command_had_half_made_goes_with_its_container(void **state)
{
	autorun(fixture_finish) struct fixture fixture;
	struct lxcri_error err = {};
	struct stat status;

	fixture_init(&fixture);
	tree_file(&fixture.tree, "host/volumes/.owned/web/.new/_data/half", "of it");
	free(ensure(&fixture, "db", "/data"));
	assert_true(fstatat(fixture.tree.fd, "host/volumes/db/_data/half", &status, 0) < 0);
	tree_file(&fixture.tree, "host/volumes/.owned/web/.new/_data/half", "of it");
	assert_int_equal(volume_remove_owned(fixture.data, "web", &err), 0);
	assert_true(fstatat(fixture.tree.fd, "host/volumes/.owned/web", &status, 0) < 0);
	assert_int_equal(fstatat(fixture.tree.fd, "host/volumes/db/_data/seed", &status, 0), 0);
}

static void a_symlink_in_the_image_copies_nothing_from_outside(void **state)
{
	autorun(fixture_finish) struct fixture fixture;

	fixture_init(&fixture);
	tree_file(&fixture.tree, "secret/key", "host");
	tree_link(&fixture.tree, "layer/escape", "../secret");
	tree_link(&fixture.tree, "layer/absolute", "/etc");
	tree_link(&fixture.tree, "layer/data/link", "../../secret/key");

	autofree char *escape = ensure(&fixture, "escape", "/escape");
	autofree char *absolute = ensure(&fixture, "absolute", "/absolute");
	autofree char *data = ensure(&fixture, "data", "/data");
	char target[64] = "";

	assert_int_equal(count_entries(&fixture, escape), 0);
	assert_int_equal(count_entries(&fixture, absolute), 0);
	assert_true(readlinkat(fixture.tree.fd, "host/volumes/data/_data/link", target,
			       sizeof(target) - 1) > 0);
	assert_string_equal(target, "../../secret/key");
}

static void a_name_that_is_none_makes_nothing(void **state)
{
	static const char *const bad[] = { "",   ".",      "..",  "../x", "a/b",
					   "-a", ".owned", "a b", "a\n" };
	autorun(fixture_finish) struct fixture fixture;
	struct stat status;

	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofree char *source = ensure(&fixture, bad[i], "/data");

		assert_null(source);
		assert_false(volume_name_is_valid(bad[i]));
	}
	assert_true(fstatat(fixture.tree.fd, "host", &status, 0) < 0);
	assert_true(volume_name_is_valid("My_data-1.0"));
}

static void a_data_directory_that_cannot_be_made_is_a_storage_error(void **state)
{
	const struct volume_request request = {
		.data_dir = "/proc/version",
		.name = "db",
		.container_id = "web",
		.destination = "/data",
	};
	char *source = NULL;
	struct lxcri_error err = {};

	assert_true(volume_ensure(&request, &source, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
	assert_null(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_volume_starts_with_what_the_image_has_there),
		cmocka_unit_test(a_volume_that_is_there_keeps_its_data),
		cmocka_unit_test(anonymous_volumes_go_with_their_container_and_named_ones_stay),
		cmocka_unit_test(an_announced_volume_that_was_never_made_is_no_obstacle),
		cmocka_unit_test(what_a_killed_command_had_half_made_goes_with_its_container),
		cmocka_unit_test(a_symlink_in_the_image_copies_nothing_from_outside),
		cmocka_unit_test(a_name_that_is_none_makes_nothing),
		cmocka_unit_test(a_data_directory_that_cannot_be_made_is_a_storage_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
