/* SPDX-License-Identifier: MIT */
#include "image/removal.h"

#include "base/sha256.h"
#include "scratch.h"

#include <stdio.h>

/* What an image made by add_image() is called. */
struct made {
	char *digest;
	char *chain_id;
};

static char *add_blob(const char *data, const char *text)
{
	char hex[SHA256_HEX_SIZE];
	autofree char *name = NULL;

	sha256_hex(text, strlen(text), hex);
	name = xformat("images/blobs/sha256/%s", hex);
	scratch_write(data, name, text);
	return xformat("sha256:%s", hex);
}

/* Puts an image of one unpacked layer into the store, whose diff id is that of the text @layer. */
static struct made add_image(const char *data, const char *layer)
{
	autofree char *blob = add_blob(data, layer);
	autofree char *config = xformat("{\"architecture\":\"amd64\",\"os\":\"linux\","
					"\"created\":\"2024-05-01T10:20:30.5+02:00\","
					"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
					blob);
	autofree char *config_digest = add_blob(data, config);
	autofree char *manifest =
		xformat("{\"schemaVersion\":2,"
			"\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
			"\"digest\":\"%s\",\"size\":%zu},"
			"\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
			"\"digest\":\"%s\",\"size\":%zu}]}",
			config_digest, strlen(config), blob, strlen(layer));
	struct made made = { .digest = add_blob(data, manifest),
			     .chain_id = xstrdup(blob + strlen("sha256:")) };
	autofree char *record = xformat("layers/%s/layer.json", made.chain_id);
	autofree char *file = xformat("layers/%s/fs/file", made.chain_id);

	scratch_write(data, file, layer);
	scratch_write(data, record, "{}");
	return made;
}

static void made_finish(struct made *made)
{
	free(made->digest);
	free(made->chain_id);
}

/* Two images, of which "docker.io/library/two:latest" stands before "docker.io/library/one:1". */
static void add_two(const char *data, struct made made[2])
{
	static const char entry[] =
		"{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\","
		"\"size\":%zu,\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}}";
	autofree char *path = NULL;
	autofree char *first = NULL;
	autofree char *second = NULL;
	autofree char *index = NULL;

	made[0] = add_image(data, "first layer");
	made[1] = add_image(data, "second layer");
	path = xformat("images/blobs/sha256/%s", made[0].digest + strlen("sha256:"));

	autofree char *manifest = scratch_read(data, path);

	first = xformat(entry, made[1].digest, strlen(manifest) + 1,
			"docker.io/library/two:latest");
	second = xformat(entry, made[0].digest, strlen(manifest), "docker.io/library/one:1");
	index = xformat("{\"schemaVersion\":2,\"manifests\":[%s,%s]}", first, second);
	scratch_write(data, "images/index.json", index);
}

/* There is no worker beside this test: whatever succeeds has started none. */
static void an_unpacked_image_is_got_without_a_worker(void **state)
{
	static const char *const names[] = { "one:1", "library/one:1", "docker.io/library/one:1" };
	autoptr(image_store) store = NULL;
	struct made made[2];
	struct lxcri_error err = {};

	add_two(*state, made);
	assert_int_equal(image_store_open(*state, &store, &err), 0);

	autofree char *tree = xformat("%s/layers/%s/fs", (char *)*state, made[0].chain_id);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autorun(image_finish) struct image image = {};

		assert_int_equal(image_store_get(store, names[i], &image, &err), 0);
		assert_string_equal(image.name, "docker.io/library/one:1");
		assert_string_equal(image.digest, made[0].digest);
		assert_int_equal(image.layer_dirs.count, 1);
		assert_string_equal(image.layer_dirs.items[0], tree);
		assert_true(image.created_ns == 1714551630500000000);
		assert_non_null(strstr(image.config_json, "diff_ids"));
	}

	autorun(image_finish) struct image image = {};

	assert_int_equal(image_store_get(store, made[1].digest, &image, &err), 0);
	assert_string_equal(image.name, "docker.io/library/two:latest");
	made_finish(&made[0]);
	made_finish(&made[1]);
}

static void a_missing_layer_needs_the_worker(void **state)
{
	autoptr(image_store) store = NULL;
	autorun(image_finish) struct image image = {};
	struct made made[2];
	struct lxcri_error err = {};

	add_two(*state, made);

	autofree char *layer = xformat("%s/layers/%s", (char *)*state, made[0].chain_id);

	assert_int_equal(path_remove_tree(AT_FDCWD, layer), 0);
	assert_int_equal(image_store_open(*state, &store, &err), 0);
	assert_int_equal(image_store_get(store, "one:1", &image, &err), -1);
	assert_int_equal(err.code, LXCRI_E_SYSTEM);
	assert_non_null(strstr(err.text, "lxcri-worker"));
	made_finish(&made[0]);
	made_finish(&made[1]);
}

static int use_nothing(void *userdata, struct image_usage *usage, struct lxcri_error *err)
{
	return 0;
}

static int use_layers(void *userdata, struct image_usage *usage, struct lxcri_error *err)
{
	strings_add_all(&usage->layers, userdata);
	return 0;
}

static const struct removal_listener unused = { .use = use_nothing };

static void an_image_that_is_not_there_is_not_found(void **state)
{
	static const char *const names[] = { "three", "one", "one:2",
					     "sha256:0000000000000000000000000000000000000000"
					     "000000000000000000000000" };
	autoptr(image_store) store = NULL;
	autorun(image_finish) struct image image = {};
	struct made made[2];
	struct lxcri_error err = {};

	add_two(*state, made);
	assert_int_equal(image_store_open(*state, &store, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(image_store_get(store, names[i], &image, &err), -1);
		assert_int_equal(err.code, LXCRI_E_IMAGE_NOT_FOUND);
		assert_int_equal(removal_of_image(store, names[i], &unused, &err), -1);
		assert_int_equal(err.code, LXCRI_E_IMAGE_NOT_FOUND);
	}
	assert_int_equal(image_store_get(store, "Not A Name", &image, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INVALID_REFERENCE);
	made_finish(&made[0]);
	made_finish(&made[1]);
}

static void a_digest_finds_an_image_whose_name_was_taken(void **state)
{
	autoptr(image_store) store = NULL;
	autorun(image_finish) struct image image = {};
	struct made made[2];
	struct lxcri_error err = {};

	add_two(*state, made);
	scratch_write(*state, "images/index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
	assert_int_equal(image_store_open(*state, &store, &err), 0);
	assert_int_equal(image_store_get(store, "one:1", &image, &err), -1);
	assert_int_equal(image_store_get(store, made[0].digest, &image, &err), 0);
	assert_string_equal(image.name, made[0].digest);
	assert_int_equal(image.layer_dirs.count, 1);
	made_finish(&made[0]);
	made_finish(&made[1]);
}

static int collect_names(void *userdata, const struct image *image)
{
	char *names = userdata;

	strcat(strcat(names, image->name), " ");
	assert_int_equal(image->layers, 1);
	assert_true(image->size_bytes > 100);
	return 0;
}

static void images_are_listed_by_name(void **state)
{
	autoptr(image_store) store = NULL;
	struct made made[2];
	struct lxcri_error err = {};
	char names[200] = "";

	assert_int_equal(image_store_open(*state, &store, &err), 0);
	assert_int_equal(image_store_list(store, collect_names, names, &err), 0);
	assert_string_equal(names, "");
	add_two(*state, made);
	assert_int_equal(image_store_list(store, collect_names, names, &err), 0);
	assert_string_equal(names, "docker.io/library/one:1 docker.io/library/two:latest ");
	made_finish(&made[0]);
	made_finish(&made[1]);
}

static void what_an_image_shares_with_nobody_goes_with_it(void **state)
{
	autoptr(image_store) store = NULL;
	autorun(image_finish) struct image image = {};
	struct made made[2];
	struct lxcri_error err = {};

	add_two(*state, made);

	autofree char *own = xformat("layers/%s", made[0].chain_id);
	autofree char *blob = xformat("images/blobs/sha256/%s", made[0].chain_id);
	autofree char *other = xformat("layers/%s/fs/file", made[1].chain_id);

	scratch_write(*state, "layers/README", "not ours to remove");
	assert_int_equal(image_store_open(*state, &store, &err), 0);
	assert_int_equal(removal_of_image(store, "one:1", &unused, &err), 0);
	assert_false(scratch_has(*state, own));
	assert_false(scratch_has(*state, blob));
	assert_true(scratch_has(*state, other));
	assert_true(scratch_has(*state, "layers/README"));
	assert_int_equal(image_store_get(store, "one:1", &image, &err), -1);
	assert_int_equal(image_store_get(store, "two", &image, &err), 0);
	made_finish(&made[0]);
	made_finish(&made[1]);
}

static void a_layer_in_use_outlives_its_image(void **state)
{
	autoptr(image_store) store = NULL;
	struct strings in_use = {};
	struct made made[2];
	struct lxcri_error err = {};

	add_two(*state, made);

	autofree char *file = xformat("layers/%s/fs/file", made[0].chain_id);

	strings_addf(&in_use, "%s/layers/%s/fs", (char *)*state, made[0].chain_id);

	const struct removal_listener used = { .use = use_layers, .userdata = &in_use };
	const struct removal_sweep at_once = {};
	const struct removal_sweep young = { .grace_seconds = 3600 };

	assert_int_equal(image_store_open(*state, &store, &err), 0);
	assert_int_equal(removal_of_image(store, "one:1", &used, &err), 0);
	assert_true(scratch_has(*state, file));
	/* What another image has left waits for a collection. */
	assert_int_equal(removal_of_image(store, "two", &unused, &err), 0);
	assert_true(scratch_has(*state, file));
	assert_int_equal(removal_of_unused(store, &at_once, &used, &err), 0);
	assert_true(scratch_has(*state, file));
	assert_int_equal(removal_of_unused(store, &young, &unused, &err), 0);
	assert_true(scratch_has(*state, file));
	assert_int_equal(removal_of_unused(store, &at_once, &unused, &err), 0);
	assert_false(scratch_has(*state, file));
	strings_finish(&in_use);
	made_finish(&made[0]);
	made_finish(&made[1]);
}

static void nothing_is_collected_while_a_document_is_damaged(void **state)
{
	autoptr(image_store) store = NULL;
	struct made made[2];
	struct lxcri_error err = {};

	add_two(*state, made);

	autofree char *manifest =
		xformat("images/blobs/sha256/%s", made[1].digest + strlen("sha256:"));
	autofree char *file = xformat("layers/%s/fs/file", made[0].chain_id);

	scratch_write(*state, manifest, "{}");
	assert_int_equal(image_store_open(*state, &store, &err), 0);
	assert_int_equal(removal_of_image(store, "one:1", &unused, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INTEGRITY_CHECK_FAILED);
	assert_true(scratch_has(*state, file));
	made_finish(&made[0]);
	made_finish(&made[1]);
}

static void sources_are_told_from_names_by_their_prefix(void **state)
{
	assert_true(image_is_source("oci:/tmp/x"));
	assert_true(image_is_source("oci-archive:x.tar"));
	assert_true(image_is_source("docker-archive:x.tar:a:1"));
	assert_true(image_is_source("docker://busybox"));
	assert_false(image_is_source("busybox"));
	assert_false(image_is_source("localhost:5000/oci:1"));
	assert_false(image_is_source("ocix:y"));
}

int main(void)
{
#define scratch_test(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		scratch_test(an_unpacked_image_is_got_without_a_worker),
		scratch_test(a_missing_layer_needs_the_worker),
		scratch_test(an_image_that_is_not_there_is_not_found),
		scratch_test(a_digest_finds_an_image_whose_name_was_taken),
		scratch_test(images_are_listed_by_name),
		scratch_test(what_an_image_shares_with_nobody_goes_with_it),
		scratch_test(a_layer_in_use_outlives_its_image),
		scratch_test(nothing_is_collected_while_a_document_is_damaged),
		cmocka_unit_test(sources_are_told_from_names_by_their_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
