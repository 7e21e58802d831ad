/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/scope.h"
#include "engine/ct/ct_place.h"
#include "test.h"

#include <string.h>

#define VOLUME(n)  "tank:subvol-100-disk-" n
#define DATASET(n) "rpool/data/subvol-100-disk-" n

static void add(struct ct_place *place, const char *volume, const char *dataset)
{
	const struct ct_clone clone = { (char *)volume, (char *)dataset, (char *)"8G" };

	ct_place_add_clone(place, &clone);
	strings_add(&place->roots, volume);
}

static void fill(struct record *record)
{
	autorun(ct_place_finish) struct ct_place place = { .node = xstrdup("pve1"), .vmid = 100 };

	memcpy(place.token, "0123456789abcdef", CT_TOKEN_SIZE);
	add(&place, VOLUME("1"), DATASET("1"));
	add(&place, VOLUME("2"), DATASET("2"));
	ct_place_store(&place, record);
}

static void a_noted_clone_is_found_in_the_record_again(void **state)
{
	autorun(record_finish) struct record record = {};
	autorun(ct_place_finish) struct ct_place place = {};
	const struct ct_clone *clone;
	struct lxcri_error err = {};

	fill(&record);
	assert_int_equal(ct_place_load(&record, &place, &err), 0);
	assert_int_equal(place.n_clones, 2);
	clone = ct_place_find_clone(&place, VOLUME("2"));
	assert_non_null(clone);
	assert_string_equal(clone->dataset, DATASET("2"));
	assert_string_equal(clone->size, "8G");
	assert_null(ct_place_find_clone(&place, VOLUME("3")));
	assert_null(ct_place_find_clone(&place, NULL));
}

static void what_is_forgotten_is_neither_clone_nor_root(void **state)
{
	autorun(record_finish) struct record record = {};
	autorun(ct_place_finish) struct ct_place place = {};
	struct lxcri_error err = {};

	fill(&record);
	assert_int_equal(ct_place_load(&record, &place, &err), 0);
	ct_place_forget_clone(&place, VOLUME("1"));
	assert_true(strings_has(&place.roots, VOLUME("1")));
	ct_place_forget_root(&place, VOLUME("1"));
	ct_place_store(&place, &record);
	ct_place_finish(&place);
	assert_int_equal(ct_place_load(&record, &place, &err), 0);
	assert_int_equal(place.n_clones, 1);
	assert_int_equal(place.roots.count, 1);
	assert_string_equal(place.roots.items[0], VOLUME("2"));
	ct_place_forget_clone(&place, VOLUME("2"));
	ct_place_store(&place, &record);
	assert_null(strstr(record.ct, "clones"));
}

static void the_volume_of_a_property_string_is_what_comes_first(void **state)
{
	autofree char *bare = ct_place_parse_volume(VOLUME("0") ",size=8G");
	autofree char *named = ct_place_parse_volume("mp=/srv,volume=" VOLUME("1"));
	autofree char *none = ct_place_parse_volume(NULL);

	assert_string_equal(bare, VOLUME("0"));
	assert_string_equal(named, VOLUME("1"));
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_noted_clone_is_found_in_the_record_again),
		cmocka_unit_test(what_is_forgotten_is_neither_clone_nor_root),
		cmocka_unit_test(the_volume_of_a_property_string_is_what_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
