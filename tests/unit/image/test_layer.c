/* SPDX-License-Identifier: MIT */
#include "image/layer/layer.h"

#include "base/mem.h"
#include "scratch.h"

#include <stdatomic.h>
#include <stdio.h>

#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar+gzip"

/* "sha256:" and 64 times @digit. */
static char *digest_of(char digit)
{
	char *digest = xformat("sha256:%064d", 0);

	memset(digest + strlen("sha256:"), digit, 64);
	return digest;
}

static struct lxcri_layer *make(char digit, char below, unsigned int order)
{
	autofree char *digest = digest_of(digit);
	autofree char *dependency = digest_of(below);
	const char *const dependencies[] = { dependency };
	const struct lxcri_layer_metadata metadata = { .media_type = LAYER_TYPE,
						       .digest = digest,
						       .size = 10,
						       .dependencies = dependencies,
						       .n_dependencies = below ? 1 : 0,
						       .order = order };
	struct lxcri_layer *layer = NULL;
	struct lxcri_error err = {};

	assert_int_equal(lxcri_layer_create(&metadata, &layer, &err), 0);
	return layer;
}

static void a_layer_keeps_copies_of_what_it_was_given(void **state)
{
	char text[] = "somebody";
	autofree char *digest = digest_of('a');
	const struct lxcri_annotation annotations[] = { { "key", text } };
	const struct lxcri_layer_metadata metadata = { .media_type = LAYER_TYPE,
						       .digest = digest,
						       .size = 1,
						       .author = text,
						       .annotations = annotations,
						       .n_annotations = 1 };
	autolayer layer = NULL;
	struct lxcri_error err = {};

	assert_int_equal(lxcri_layer_create(&metadata, &layer, &err), 0);
	text[0] = 'S';
	assert_string_equal(lxcri_layer_metadata(layer)->author, "somebody");
	assert_string_equal(lxcri_layer_metadata(layer)->annotations[0].value, "somebody");
	assert_int_equal(lxcri_layer_validate(layer, &err), 0);
}

static void what_cannot_be_true_of_a_layer_is_told_by_its_own_code(void **state)
{
	const struct lxcri_annotation empty[] = { { "", "x" } };
	const struct lxcri_annotation twice[] = { { "k", "x" }, { "k", "y" } };
	const struct lxcri_annotation control[] = { { "a\nb", "x" } };
	const char *const no_digest[] = { "latest" };
	autofree char *digest = digest_of('a');
	const struct {
		struct lxcri_layer_metadata metadata;
		enum lxcri_code code;
	} cases[] = {
		{ { .media_type = LAYER_TYPE, .digest = "sha256:123", .size = 1 },
		  LXCRI_E_INVALID_DIGEST },
		{ { .media_type = "text/html", .digest = digest, .size = 1 },
		  LXCRI_E_INVALID_MEDIA_TYPE },
		{ { .digest = digest, .size = 1 }, LXCRI_E_INVALID_MEDIA_TYPE },
		{ { .media_type = LAYER_TYPE, .digest = digest }, LXCRI_E_INVALID_SIZE },
		{ { .media_type = LAYER_TYPE, .digest = digest, .size = UINT64_MAX },
		  LXCRI_E_INVALID_SIZE },
		{ { LAYER_TYPE, digest, 1, empty, 1 }, LXCRI_E_INVALID_ANNOTATIONS },
		{ { LAYER_TYPE, digest, 1, twice, 2 }, LXCRI_E_INVALID_ANNOTATIONS },
		{ { LAYER_TYPE, digest, 1, control, 1 }, LXCRI_E_INVALID_ANNOTATIONS },
		{ { .media_type = LAYER_TYPE,
		    .digest = digest,
		    .size = 1,
		    .compression_type = "zstd" },
		  LXCRI_E_VALIDATION_FAILED },
		{ { .media_type = LAYER_TYPE,
		    .digest = digest,
		    .size = 1,
		    .dependencies = no_digest,
		    .n_dependencies = 1 },
		  LXCRI_E_VALIDATION_FAILED },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autolayer layer = NULL;
		struct lxcri_error err = {};

		assert_int_equal(lxcri_layer_create(&cases[i].metadata, &layer, &err), 0);
		assert_true(lxcri_layer_validate(layer, &err) < 0);
		assert_int_equal(err.code, cases[i].code);
	}
}

static void stored_bytes_are_hashed_again_and_the_result_is_kept(void **state)
{
	autofree char *path = xformat("%s/blob", (char *)*state);
	const struct lxcri_layer_metadata metadata = {
		.media_type = LAYER_TYPE,
		.digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		.size = 3,
		.storage_path = path,
	};
	autoptr(lxcri_layer_pool) pool = lxcri_layer_pool_create(1);
	autolayer layer = lxcri_layer_pool_get(pool);
	struct lxcri_error err = {};

	assert_int_equal(lxcri_layer_set(layer, &metadata, &err), 0);
	assert_int_equal(lxcri_layer_verification(layer).time_ns, 0);
	assert_true(lxcri_layer_verify(layer, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
	scratch_write(*state, "blob", "abc");
	assert_int_equal(lxcri_layer_verify(layer, &err), 0);
	assert_true(lxcri_layer_verification(layer).is_intact);
	assert_true(lxcri_layer_verification(layer).time_ns > 0);
	scratch_write(*state, "blob", "abd");
	assert_true(lxcri_layer_verify(layer, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INTEGRITY_CHECK_FAILED);
	assert_false(lxcri_layer_verification(layer).is_intact);
}

static void layers_are_sorted_with_the_base_first(void **state)
{
	autoptr(lxcri_layer_manager) manager = NULL;
	autofree struct lxcri_layer **sorted = NULL;
	struct lxcri_error err = {};
	const struct {
		char digit;
		char below;
		unsigned int order;
	} layers[] = {
		{ 'c', 'b', 0 }, { 'e', 0, 7 }, { 'b', 'a', 0 }, { 'd', 0, 7 }, { 'a', 0, 1 }
	};
	autofree char *wanted = xstrdup("abced");
	size_t count = 0;

	assert_int_equal(lxcri_layer_manager_create(&manager, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
		autolayer layer = make(layers[i].digit, layers[i].below, layers[i].order);

		assert_int_equal(lxcri_layer_manager_add(manager, layer, &err), 0);
	}
	assert_int_equal(lxcri_layer_manager_sort(manager, &sorted, &count, &err), 0);
	assert_int_equal(count, ARRAY_LEN(layers));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(lxcri_layer_metadata(sorted[i])->digest[10], wanted[i]);
}

static void a_circle_a_duplicate_and_a_layer_that_is_missing_are_dependency_errors(void **state)
{
	autoptr(lxcri_layer_manager) manager = NULL;
	autolayer one = make('a', 'b', 0);
	autolayer two = make('b', 'a', 0);
	autofree char *digest = digest_of('a');
	struct lxcri_error err = {};

	assert_int_equal(lxcri_layer_manager_create(&manager, &err), 0);
	assert_int_equal(lxcri_layer_manager_add(manager, one, &err), 0);
	assert_true(lxcri_layer_manager_add(manager, one, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_DEPENDENCY_ERROR);
	assert_ptr_equal(lxcri_layer_manager_get(manager, digest), one);
	assert_true(lxcri_layer_manager_check(manager, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_DEPENDENCY_ERROR);
	assert_non_null(strstr(err.text, "not there"));
	assert_int_equal(lxcri_layer_manager_add(manager, two, &err), 0);
	assert_true(lxcri_layer_manager_check(manager, &err) < 0);
	assert_non_null(strstr(err.text, "circle"));
}

static void the_cache_evicts_what_was_used_longest_ago_and_never_what_is_held(void **state)
{
	autoptr(lxcri_metadata_cache) cache = lxcri_metadata_cache_create(2);
	const struct lxcri_layer_record record = { .diff_id = "sha256:d", .content_bytes = 5 };
	const struct lxcri_layer_record *held;

	lxcri_metadata_cache_put(cache, "a", &record);
	lxcri_metadata_cache_put(cache, "b", &record);
	lxcri_metadata_cache_release(cache, lxcri_metadata_cache_get(cache, "a"));
	lxcri_metadata_cache_put(cache, "c", &record);
	assert_null(lxcri_metadata_cache_get(cache, "b"));
	held = lxcri_metadata_cache_get(cache, "a");
	assert_non_null(held);
	lxcri_metadata_cache_put(cache, "d", &record);
	lxcri_metadata_cache_put(cache, "e", &record);
	assert_string_equal(held->diff_id, "sha256:d");
	lxcri_metadata_cache_put(cache, "a", &record);
	assert_string_equal(held->diff_id, "sha256:d");
	lxcri_metadata_cache_release(cache, held);

	struct lxcri_cache_counters counters = lxcri_metadata_cache_counters(cache);

	assert_int_equal(counters.entries, 2);
	assert_int_equal(counters.hits, 2);
	assert_int_equal(counters.misses, 1);
	assert_int_equal(counters.stored, 6);
	assert_int_equal(counters.evicted, 3);
}

static void a_pool_lends_again_what_came_back_and_keeps_no_more_than_its_size(void **state)
{
	autoptr(lxcri_layer_pool) pool = lxcri_layer_pool_create(1);
	struct lxcri_layer *one = lxcri_layer_pool_get(pool);
	struct lxcri_layer *two = lxcri_layer_pool_get(pool);
	autofree char *digest = digest_of('a');
	const struct lxcri_layer_metadata metadata = { .digest = digest };
	struct lxcri_error err = {};

	assert_non_null(layer_work(one));
	assert_int_equal(lxcri_layer_set(one, &metadata, &err), 0);
	lxcri_layer_pool_return(pool, one);
	lxcri_layer_pool_return(pool, two);
	assert_ptr_equal(lxcri_layer_pool_get(pool), one);
	assert_null(lxcri_layer_metadata(one)->digest);
	lxcri_layer_pool_return(pool, one);

	struct lxcri_pool_counters counters = lxcri_layer_pool_counters(pool);

	assert_int_equal(counters.made, 2);
	assert_int_equal(counters.reused, 1);
	assert_int_equal(counters.returned, 3);
	assert_int_equal(counters.dropped, 1);
	assert_int_equal(counters.available, 1);
}

struct process {
	atomic_uint calls;
	const char *failing;
};

static int count_call(void *userdata, const char *digest, struct lxcri_error *err)
{
	struct process *process = userdata;

	atomic_fetch_add(&process->calls, 1);
	if (!process->failing || strcmp(process->failing, digest) != 0)
		return 0;
	err->code = LXCRI_E_EXTRACT_FAILED;
	(void)snprintf(err->text, sizeof(err->text), "%s", digest);
	return -1;
}

static void every_layer_is_processed_once_and_the_first_failure_ends_it(void **state)
{
	enum { COUNT = 200 };
	struct strings digests = {};
	struct lxcri_error err = {};

	for (int i = 0; i < COUNT; i++)
		strings_addf(&digests, "%d", i);
	for (unsigned int workers = 0; workers < 5; workers++) {
		struct process all = {};
		struct process some = { .failing = "3" };

		assert_int_equal(lxcri_layers_process((const char *const *)digests.items, COUNT,
						      workers, count_call, &all, &err),
				 0);
		assert_int_equal(all.calls, COUNT);
		assert_true(lxcri_layers_process((const char *const *)digests.items, COUNT, workers,
						 count_call, &some, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_EXTRACT_FAILED);
		assert_string_equal(err.text, "3");
		assert_true(workers != 1 || some.calls == 4);
	}
	strings_finish(&digests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_layer_keeps_copies_of_what_it_was_given),
		cmocka_unit_test(what_cannot_be_true_of_a_layer_is_told_by_its_own_code),
		cmocka_unit_test_setup_teardown(
			stored_bytes_are_hashed_again_and_the_result_is_kept, scratch_setup,
			scratch_teardown),
		cmocka_unit_test(layers_are_sorted_with_the_base_first),
		cmocka_unit_test(
			a_circle_a_duplicate_and_a_layer_that_is_missing_are_dependency_errors),
		cmocka_unit_test(the_cache_evicts_what_was_used_longest_ago_and_never_what_is_held),
		cmocka_unit_test(a_pool_lends_again_what_came_back_and_keeps_no_more_than_its_size),
		cmocka_unit_test(every_layer_is_processed_once_and_the_first_failure_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
