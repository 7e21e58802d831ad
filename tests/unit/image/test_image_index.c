/* SPDX-License-Identifier: MIT */
#include "image/image_index.h"

#include "test.h"

#include <string.h>

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct json_object *empty_index(void)
{
	return json_tokener_parse("{\"schemaVersion\":2,\"manifests\":[],\"kept\":1}");
}

static size_t count(struct json_object *index)
{
	return json_object_array_length(json_get(index, "manifests"));
}

static struct json_object *at(struct json_object *index, size_t place)
{
	return json_object_array_get_idx(json_get(index, "manifests"), place);
}

static void set(struct json_object *index, const char *name, const char *digest)
{
	const struct image_index_entry entry = {
		.name = name, .media_type = "type", .digest = digest, .size = 5
	};

	image_index_set(index, &entry);
}

static void an_entry_is_found_by_either_annotation(void **state)
{
	autojson index = empty_index();

	set(index, "docker.io/library/a:1", DIGEST_A);
	assert_string_equal(image_index_name(at(index, 0)), "docker.io/library/a:1");

	struct json_object *annotations = json_get(at(index, 0), "annotations");

	assert_string_equal(json_get_text(annotations, ANNOTATION_REF_NAME),
			    "docker.io/library/a:1");
	json_object_object_del(annotations, ANNOTATION_FULL_NAME);
	assert_string_equal(image_index_name(at(index, 0)), "docker.io/library/a:1");
}

static void a_name_belongs_to_one_entry(void **state)
{
	autojson index = empty_index();

	set(index, "a", DIGEST_A);
	set(index, "b", DIGEST_A);
	set(index, "a", DIGEST_B);
	assert_int_equal(count(index), 2);
	assert_string_equal(image_index_name(at(index, 0)), "b");
	assert_string_equal(json_get_text(at(index, 1), "digest"), DIGEST_B);
}

static void a_nameless_entry_gives_way_to_the_same_image_with_a_name(void **state)
{
	autojson index = empty_index();

	set(index, NULL, DIGEST_A);
	set(index, NULL, DIGEST_A);
	set(index, NULL, DIGEST_B);
	assert_int_equal(count(index), 2);
	set(index, "a", DIGEST_A);
	assert_int_equal(count(index), 2);
	assert_null(image_index_name(at(index, 0)));
	assert_string_equal(image_index_name(at(index, 1)), "a");
}

static void a_digest_removes_every_name_of_an_image(void **state)
{
	autojson index = empty_index();

	set(index, "a", DIGEST_A);
	set(index, "b", DIGEST_A);
	set(index, "c", DIGEST_B);
	assert_int_equal(image_index_remove(index, "missing"), 0);
	assert_int_equal(image_index_remove(index, DIGEST_A), 2);
	assert_int_equal(image_index_remove(index, "c"), 1);
	assert_int_equal(count(index), 0);
	assert_int_equal(json_get_i64(index, "kept", 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_found_by_either_annotation),
		cmocka_unit_test(a_name_belongs_to_one_entry),
		cmocka_unit_test(a_nameless_entry_gives_way_to_the_same_image_with_a_name),
		cmocka_unit_test(a_digest_removes_every_name_of_an_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
