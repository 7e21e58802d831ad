/* SPDX-License-Identifier: MIT */
#include "oci/digest.h"
#include "oci/media_type.h"
#include "base/scope.h"
#include "test.h"

#include <string.h>

#define HEX32 "0123456789abcdef0123456789abcdef"
#define HEX64 HEX32 HEX32

static void a_digest_is_an_algorithm_and_its_digits(void **state)
{
	struct digest digest;
	struct lxcri_error err = {};

	assert_int_equal(digest_parse("sha256:" HEX64, &digest, &err), 0);
	assert_int_equal(digest.algorithm, DIGEST_SHA256);
	assert_string_equal(digest.hex, HEX64);
	assert_string_equal(digest.text, "sha256:" HEX64);
	assert_int_equal(digest_parse("sha512:" HEX64 HEX64, &digest, &err), 0);
	assert_int_equal(digest.algorithm, DIGEST_SHA512);
	assert_string_equal(digest.hex, HEX64 HEX64);
	assert_string_equal(digest.text, "sha512:" HEX64 HEX64);
}

static void what_is_no_digest_leaves_the_result_alone(void **state)
{
	static const char *const bad[] = {
		"",
		"sha256",
		"sha256:",
		":" HEX64,
		HEX64,
		"sha256:" HEX32,
		"sha256:" HEX64 "0",
		"sha512:" HEX64,
		"sha256:0123456789ABCDEF0123456789abcdef" HEX32,
		"sha256:g123456789abcdef0123456789abcdef" HEX32,
		"sha256:" HEX64 "\n",
		"sha256:../3456789abcdef0123456789abcdef" HEX32,
		"SHA256:" HEX64,
		"md5:" HEX32,
		" sha256:" HEX64,
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct digest digest = { .text = "untouched" };
		struct lxcri_error err = {};

		assert_true(digest_parse(bad[i], &digest, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_DIGEST);
		assert_string_equal(digest.text, "untouched");
	}
}

static void a_media_type_tells_kind_and_compression(void **state)
{
	struct media_type type = media_type_find(MEDIA_TYPE_OCI_LAYER "+zstd");

	assert_int_equal(type.kind, MEDIA_LAYER);
	assert_int_equal(type.compression, MEDIA_ZSTD);
	type = media_type_find(MEDIA_TYPE_DOCKER_LAYER ".gzip");
	assert_int_equal(type.kind, MEDIA_LAYER);
	assert_int_equal(type.compression, MEDIA_GZIP);
	assert_int_equal(media_type_find(MEDIA_TYPE_OCI_LAYER).compression, MEDIA_PLAIN);
	assert_int_equal(media_type_find(MEDIA_TYPE_DOCKER_INDEX).kind, MEDIA_INDEX);
	assert_int_equal(media_type_find(MEDIA_TYPE_DOCKER_MANIFEST).kind, MEDIA_MANIFEST);
	assert_int_equal(media_type_find(MEDIA_TYPE_DOCKER_CONFIG).kind, MEDIA_CONFIG);
	assert_int_equal(media_type_find("application/json").kind, MEDIA_UNKNOWN);
	assert_int_equal(media_type_find(NULL).kind, MEDIA_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digest_is_an_algorithm_and_its_digits),
		cmocka_unit_test(what_is_no_digest_leaves_the_result_alone),
		cmocka_unit_test(a_media_type_tells_kind_and_compression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
