/* SPDX-License-Identifier: MIT */
#include "image/layout.h"

#include "base/sha256.h"
#include "scratch.h"

static void a_store_that_is_not_there_is_empty(void **state)
{
	autofree char *path = xformat("%s/none", (char *)*state);
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	struct lxcri_error err = {};
	autojson index = NULL;

	assert_int_equal(layout_open(path, &layout, &err), 0);
	assert_int_equal(layout_read_index(&layout, &index, &err), 0);
	assert_int_equal(json_object_array_length(json_get(index, "manifests")), 0);
	assert_false(layout_has_layer(&layout, "abc"));
	assert_false(layout_has_blob(&layout, "abc", 0));
	assert_false(scratch_has(*state, "none"));
}

static void what_a_killed_holder_left_goes_with_the_next_lock(void **state)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	struct lxcri_error err = {};

	assert_int_equal(layout_create(*state, &layout, &err), 0);
	scratch_write(*state, "layers/.tmp-abc/fs/etc/file", "half");
	scratch_write(*state, "images/blobs/sha256/.tmp-blob-0", "half");
	scratch_write(*state, "images/.index.json.12", "half");
	scratch_write(*state, "layers/abc/fs/file", "whole");

	autoclose int lock = layout_lock(&layout, &err);

	assert_true(lock >= 0);
	assert_false(scratch_has(*state, "layers/.tmp-abc"));
	assert_false(scratch_has(*state, "images/blobs/sha256/.tmp-blob-0"));
	assert_false(scratch_has(*state, "images/.index.json.12"));
	assert_true(scratch_has(*state, "layers/abc/fs/file"));
	assert_true(scratch_has(*state, "images/oci-layout"));
}

static void a_layer_without_its_record_is_not_there(void **state)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	struct lxcri_error err = {};

	assert_int_equal(layout_create(*state, &layout, &err), 0);
	scratch_write(*state, "layers/abc/fs/file", "x");
	assert_false(layout_has_layer(&layout, "abc"));
	scratch_write(*state, "layers/abc/layer.json", "{}");
	assert_true(layout_has_layer(&layout, "abc"));
}

static void a_document_is_checked_against_its_digest(void **state)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	struct lxcri_error err = {};
	char hex[SHA256_HEX_SIZE];
	autofree char *bytes = NULL;
	size_t size;

	assert_int_equal(layout_create(*state, &layout, &err), 0);
	sha256_hex("{}", 2, hex);

	autofree char *digest = xformat("sha256:%s", hex);
	autofree char *name = xformat("images/blobs/sha256/%s", hex);

	assert_int_equal(layout_read_document(&layout, digest, &bytes, &size, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INTEGRITY_CHECK_FAILED);
	scratch_write(*state, name, "{}");
	assert_int_equal(layout_read_document(&layout, digest, &bytes, &size, &err), 0);
	assert_string_equal(bytes, "{}");
	scratch_write(*state, name, "{ }");
	free(steal(bytes));
	assert_int_equal(layout_read_document(&layout, digest, &bytes, &size, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INTEGRITY_CHECK_FAILED);
}

/* Computed by another program: sha256 of "sha256:<first> sha256:<second>". */
static void chain_ids_follow_the_specification(void **state)
{
	struct strings diff_ids = {};
	struct strings chain_ids = {};

	strings_add(&diff_ids, "sha256:"
			       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	strings_add(&diff_ids, "sha256:"
			       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	layout_chain_ids(&diff_ids, &chain_ids);
	assert_int_equal(chain_ids.count, 2);
	assert_string_equal(chain_ids.items[0],
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_string_equal(chain_ids.items[1],
			    "a893da35bd22286079f2f3931516d3423eb9b4945f2379e0f8a501ec3d665dd6");
	strings_finish(&diff_ids);
	strings_finish(&chain_ids);
}

int main(void)
{
#define scratch_test(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		scratch_test(a_store_that_is_not_there_is_empty),
		scratch_test(what_a_killed_holder_left_goes_with_the_next_lock),
		scratch_test(a_layer_without_its_record_is_not_there),
		scratch_test(a_document_is_checked_against_its_digest),
		cmocka_unit_test(chain_ids_follow_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
