/* SPDX-License-Identifier: MIT */
#include "oci/manifest.h"
#include "base/mem.h"
#include "base/text.h"
#include "test.h"

#include <string.h>

#define HEX     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CONFIG  DESCRIPTOR(MEDIA_TYPE_OCI_CONFIG, "12")
#define LAYER   DESCRIPTOR(MEDIA_TYPE_OCI_LAYER "+gzip", "34")
#define VERSION "\"schemaVersion\":2,"

#define DESCRIPTOR(type_, size_) \
	"{\"mediaType\":\"" type_ "\",\"digest\":\"sha256:" HEX "\",\"size\":" size_ "}"
#define MANIFEST(config_, layers_) "{" VERSION "\"config\":" config_ ",\"layers\":[" layers_ "]}"
#define INDEX(manifests_)          "{" VERSION "\"manifests\":[" manifests_ "]}"
#define ENTRY(rest_)                                                              \
	"{\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:" HEX \
	"\",\"size\":7" rest_ "}"
#define PLATFORM(os_, architecture_) \
	",\"platform\":{\"os\":\"" os_ "\",\"architecture\":\"" architecture_ "\"}"

static struct index *parse_index(const char *text)
{
	struct index *index = NULL;
	struct lxcri_error err = {};

	if (index_parse(text, strlen(text), NULL, &index, &err) < 0)
		fail_msg("%s", err.text);
	return index;
}

static void a_manifest_has_a_config_and_layers(void **state)
{
	static const char text[] = MANIFEST(CONFIG, LAYER "," LAYER);
	autoptr(manifest) manifest = NULL;
	struct lxcri_error err = {};

	assert_int_equal(
		manifest_parse(text, strlen(text), MEDIA_TYPE_OCI_MANIFEST, &manifest, &err), 0);
	assert_null(manifest->media_type);
	assert_int_equal(manifest->config.type.kind, MEDIA_CONFIG);
	assert_int_equal(manifest->config.size, 12);
	assert_string_equal(manifest->config.digest.hex, HEX);
	assert_int_equal(manifest->n_layers, 2);
	assert_int_equal(manifest->layers[1].size, 34);
	assert_int_equal(manifest->layers[1].type.compression, MEDIA_GZIP);
	assert_int_equal(manifest_guess_kind(text, strlen(text)), MEDIA_MANIFEST);
}

static void fields_that_are_not_known_are_kept(void **state)
{
	static const char text[] =
		"{" VERSION "\"x\":{\"y\":18446744073709551615},\"config\":" CONFIG
		",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX
		"\",\"size\":0,\"data\":\"eA==\",\"urls\":[]}],\"annotations\":{\"a\":\"b\"}}";
	autoptr(manifest) manifest = NULL;
	struct lxcri_error err = {};

	assert_int_equal(manifest_parse(text, strlen(text), NULL, &manifest, &err), 0);

	autofree char *again = json_format_line(manifest->document);

	assert_string_equal(again, text);
	assert_non_null(strstr(again, "18446744073709551615"));
	assert_int_equal(manifest->layers[0].type.kind, MEDIA_UNKNOWN);
}

static void each_fault_has_its_code_and_place(void **state)
{
	static const struct {
		const char *text;
		enum lxcri_code code;
		const char *place;
	} bad[] = {
		{ "{", LXCRI_E_INVALID_JSON, "line 1" },
		{ "[]", LXCRI_E_INVALID_FORMAT, "object" },
		{ "null", LXCRI_E_INVALID_FORMAT, "object" },
		{ "{}", LXCRI_E_INVALID_FORMAT, "schemaVersion" },
		{ "{\"schemaVersion\":1,\"layers\":[]}", LXCRI_E_INVALID_FORMAT, "schemaVersion" },
		{ "{" VERSION "\"config\":" CONFIG "}", LXCRI_E_INVALID_FORMAT, "layers" },
		{ "{" VERSION "\"layers\":[]}", LXCRI_E_INVALID_FORMAT, "config" },
		{ MANIFEST(CONFIG, "7"), LXCRI_E_INVALID_FORMAT, "layers[0]" },
		{ "{" VERSION "\"config\":" CONFIG ",\"layers\":[],\"manifests\":[]}",
		  LXCRI_E_INVALID_FORMAT, "manifests" },
		{ "{" VERSION "\"config\":" CONFIG ",\"layers\":[],\"manifests\":null}",
		  LXCRI_E_INVALID_FORMAT, "manifests" },
		{ "{" VERSION "\"mediaType\":\"" MEDIA_TYPE_OCI_INDEX "\",\"config\":" CONFIG
		  ",\"layers\":[]}",
		  LXCRI_E_INVALID_MEDIA_TYPE, "mediaType" },
		{ "{" VERSION "\"mediaType\":7,\"config\":" CONFIG ",\"layers\":[]}",
		  LXCRI_E_INVALID_MEDIA_TYPE, "mediaType" },
		{ MANIFEST("{}", ""), LXCRI_E_INVALID_MEDIA_TYPE, "config: mediaType" },
		{ MANIFEST(CONFIG, DESCRIPTOR("a\\nb/c", "1")), LXCRI_E_INVALID_MEDIA_TYPE,
		  "layers[0]: mediaType" },
		{ MANIFEST(CONFIG, DESCRIPTOR("word", "1")), LXCRI_E_INVALID_MEDIA_TYPE,
		  "layers[0]: mediaType" },
		{ MANIFEST(CONFIG, LAYER "," DESCRIPTOR("a/b", "-1")), LXCRI_E_INVALID_SIZE,
		  "layers[1]: size" },
		{ MANIFEST(CONFIG, DESCRIPTOR("a/b", "1.5")), LXCRI_E_INVALID_SIZE, "size" },
		{ MANIFEST(CONFIG, DESCRIPTOR("a/b", "\"1\"")), LXCRI_E_INVALID_SIZE, "size" },
		{ MANIFEST(CONFIG, DESCRIPTOR("a/b", "9223372036854775808")), LXCRI_E_INVALID_SIZE,
		  "size" },
		{ MANIFEST(CONFIG, "{\"mediaType\":\"a/b\",\"digest\":\"sha256:0\",\"size\":1}"),
		  LXCRI_E_INVALID_DIGEST, "layers[0]: digest" },
		{ MANIFEST(CONFIG, "{\"mediaType\":\"a/b\",\"size\":1}"), LXCRI_E_INVALID_DIGEST,
		  "layers[0]: digest" },
		{ MANIFEST(CONFIG, ENTRY(",\"platform\":[]")), LXCRI_E_INVALID_FORMAT, "platform" },
		{ MANIFEST(CONFIG, ENTRY(",\"annotations\":{\"a\":1}")), LXCRI_E_INVALID_FORMAT,
		  "layers[0]: annotations.a" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct manifest *manifest = NULL;
		struct lxcri_error err = {};

		assert_true(manifest_parse(bad[i].text, strlen(bad[i].text), NULL, &manifest,
					   &err) < 0);
		if (err.code != bad[i].code || !strstr(err.text, bad[i].place))
			fail_msg("%s: %s: %s", bad[i].text, lxcri_code_name(err.code), err.text);
		assert_null(manifest);
	}
}

static void a_document_is_what_its_descriptor_says(void **state)
{
	static const char manifest_text[] = MANIFEST(CONFIG, LAYER);
	static const char docker_text[] = "{" VERSION "\"mediaType\":\"" MEDIA_TYPE_DOCKER_MANIFEST
					  "\",\"config\":" CONFIG ",\"layers\":[]}";
	autoptr(manifest) manifest = NULL;
	struct manifest *none = NULL;
	struct lxcri_error err = {};

	assert_int_equal(manifest_parse(docker_text, strlen(docker_text),
					MEDIA_TYPE_DOCKER_MANIFEST, &manifest, &err),
			 0);
	assert_string_equal(manifest->media_type, MEDIA_TYPE_DOCKER_MANIFEST);
	assert_true(manifest_parse(docker_text, strlen(docker_text), MEDIA_TYPE_OCI_MANIFEST, &none,
				   &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_MEDIA_TYPE);
	assert_true(manifest_parse(manifest_text, strlen(manifest_text), MEDIA_TYPE_OCI_INDEX,
				   &none, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_MEDIA_TYPE);
	assert_null(none);
}

static void an_index_with_layers_is_refused(void **state)
{
	static const char *const bad[] = {
		"{" VERSION "\"manifests\":[],\"layers\":[]}",
		"{" VERSION "\"manifests\":[],\"config\":{}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct index *index = NULL;
		struct lxcri_error err = {};

		assert_true(index_parse(bad[i], strlen(bad[i]), NULL, &index, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_FORMAT);
		assert_int_equal(manifest_guess_kind(bad[i], strlen(bad[i])), MEDIA_UNKNOWN);
	}
	assert_int_equal(manifest_guess_kind(INDEX(""), strlen(INDEX(""))), MEDIA_INDEX);
}

/* Returns a document in which @item stands @count times between @before and @after. */
static char *repeat(const char *before, const char *item, size_t count, const char *after)
{
	struct text text = {};

	text_add(&text, before);
	for (size_t i = 0; i < count; i++)
		text_addf(&text, "%s%s", i ? "," : "", item);
	text_add(&text, after);
	return text_steal(&text);
}

static void the_number_of_layers_and_manifests_is_bounded(void **state)
{
	static const char layers[] = "{" VERSION "\"config\":" CONFIG ",\"layers\":[";
	static const char manifests[] = "{" VERSION "\"manifests\":[";
	autofree char *enough_layers = repeat(layers, LAYER, MANIFEST_LAYERS_MAX, "]}");
	autofree char *many_layers = repeat(layers, LAYER, MANIFEST_LAYERS_MAX + 1, "]}");
	autofree char *enough = repeat(manifests, ENTRY(), INDEX_MANIFESTS_MAX, "]}");
	autofree char *many = repeat(manifests, ENTRY(), INDEX_MANIFESTS_MAX + 1, "]}");
	autoptr(manifest) manifest = NULL;
	autoptr(index) index = parse_index(enough);
	struct manifest *no_manifest = NULL;
	struct index *no_index = NULL;
	struct lxcri_error err = {};

	assert_int_equal(index->n_manifests, INDEX_MANIFESTS_MAX);
	assert_int_equal(
		manifest_parse(enough_layers, strlen(enough_layers), NULL, &manifest, &err), 0);
	assert_true(manifest_parse(many_layers, strlen(many_layers), NULL, &no_manifest, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_LIMIT_EXCEEDED);
	assert_true(index_parse(many, strlen(many), NULL, &no_index, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_LIMIT_EXCEEDED);
}

/* Returns an entry of an index for this host's architecture, and @more. */
static char *host_entry(unsigned int size, const char *more)
{
	return xformat("{\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:" HEX
		       "\",\"size\":%u,\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"%s}}",
		       size, platform_host_architecture(), more);
}

static void the_host_finds_its_own_manifest(void **state)
{
	autofree char *variant = host_entry(8, ",\"variant\":\"v9\"");
	autofree char *own = host_entry(9, "");
	autofree char *several = xformat(INDEX("%s,%s,%s,%s"), ENTRY(PLATFORM("linux", "none")),
					 ENTRY(PLATFORM("unknown", "unknown")), variant, own);
	autofree char *only_variant = xformat(INDEX("%s,%s"), ENTRY(), variant);
	autoptr(index) index = parse_index(several);
	autoptr(index) second_best = parse_index(only_variant);
	autoptr(index) foreign = parse_index(INDEX(ENTRY(PLATFORM("linux", "none"))));
	autoptr(index) plain = parse_index(INDEX(ENTRY(PLATFORM("linux", "none")) "," ENTRY()));

	assert_int_equal(index_find_host(index)->size, 9);
	assert_int_equal(index_find_host(second_best)->size, 8);
	assert_null(index_find_host(foreign));
	assert_ptr_equal(index_find_host(plain), &plain->manifests[1]);
}

static void a_name_is_found_by_its_annotation(void **state)
{
	autoptr(index) index = parse_index(INDEX(ENTRY() "," ENTRY(
		",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}")));

	assert_ptr_equal(index_find_name(index, "v1"), &index->manifests[1]);
	assert_null(index_find_name(index, "v2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_has_a_config_and_layers),
		cmocka_unit_test(fields_that_are_not_known_are_kept),
		cmocka_unit_test(each_fault_has_its_code_and_place),
		cmocka_unit_test(a_document_is_what_its_descriptor_says),
		cmocka_unit_test(an_index_with_layers_is_refused),
		cmocka_unit_test(the_number_of_layers_and_manifests_is_bounded),
		cmocka_unit_test(the_host_finds_its_own_manifest),
		cmocka_unit_test(a_name_is_found_by_its_annotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
