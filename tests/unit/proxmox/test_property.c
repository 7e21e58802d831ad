/* SPDX-License-Identifier: MIT */
#include "proxmox/property.h"
#include "base/mem.h"
#include "base/scope.h"
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const net_required[] = { "name", NULL };

static void an_interface_is_read_and_written_as_the_server_writes_it(void **state)
{
	static const char text[] = "name=eth0,bridge=vmbr0,host-managed=1,hwaddr=BC:24:11:00:00:01,"
				   "ip=10.0.0.2/24,type=veth";
	autorun(property_finish) struct property_string net = {};
	struct lxcri_error err = {};

	assert_int_equal(property_parse(text, NULL, &net, &err), 0);
	assert_string_equal(property_find(&net, "ip"), "10.0.0.2/24");
	assert_null(property_find(&net, "gw"));

	autofree char *again = property_format(&net, NULL, net_required);

	assert_string_equal(again, text);
}

static void a_volume_has_a_bare_default_key_first(void **state)
{
	static const char *const required[] = { "mp", NULL };
	autorun(property_finish) struct property_string mount = {};
	struct lxcri_error err = {};

	assert_int_equal(
		property_parse("size=8G,mp=/data,backup=1,volume=local:100/vm-100-disk-1.raw",
			       "volume", &mount, &err),
		0);

	autofree char *text = property_format(&mount, "volume", required);

	assert_string_equal(text, "local:100/vm-100-disk-1.raw,mp=/data,backup=1,size=8G");
	property_finish(&mount);
	assert_int_equal(property_parse(text, "volume", &mount, &err), 0);
	assert_string_equal(property_find(&mount, "volume"), "local:100/vm-100-disk-1.raw");
}

static void what_the_grammar_has_not_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[] = { "a=1,a=2",  "a=",     "=b",    "bare",
					   "a=1,bare", "a=b\nc", "a=\x7f" };
	struct property_string untouched = { .count = 7 };
	struct lxcri_error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err = (struct lxcri_error){};
		assert_int_equal(property_parse(bad[i], NULL, &untouched, &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_FORMAT);
		assert_int_equal(untouched.count, 7);
	}
	err = (struct lxcri_error){};
	assert_int_equal(property_parse("one,two", "volume", &untouched, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INVALID_FORMAT);
}

static void blank_parts_are_skipped_and_values_may_have_equals(void **state)
{
	autorun(property_finish) struct property_string string = {};
	struct lxcri_error err = {};

	assert_int_equal(property_parse(",a=b=c, ,d=e,", NULL, &string, &err), 0);
	assert_int_equal(string.count, 2);
	assert_string_equal(property_find(&string, "a"), "b=c");
}

static void too_many_parts_and_too_many_bytes_are_refused(void **state)
{
	autofree char *many = xzalloc(8 * (PROPERTY_PARTS_MAX + 2));
	autofree char *large = xzalloc(PROPERTY_BYTES_MAX + 4);
	struct property_string string = {};
	struct lxcri_error err = {};

	for (unsigned int i = 0; i <= PROPERTY_PARTS_MAX; i++)
		(void)sprintf(many + strlen(many), "k%u=v,", i);
	assert_int_equal(property_parse(many, NULL, &string, &err), -1);
	assert_int_equal(err.code, LXCRI_E_LIMIT_EXCEEDED);
	memset(large, 'x', PROPERTY_BYTES_MAX + 1);
	assert_int_equal(property_parse(large, "v", &string, &err), -1);
	assert_int_equal(err.code, LXCRI_E_LIMIT_EXCEEDED);
}

static void what_cannot_be_expressed_is_not_set(void **state)
{
	static const char *const bad[] = { "a,b", "", "line\nbreak", " " };
	autorun(property_finish) struct property_string string = {};
	struct lxcri_error err = {};

	assert_int_equal(property_set(&string, "mp", "/data", &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(property_set(&string, "mp", bad[i], &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
		assert_string_equal(property_find(&string, "mp"), "/data");
	}
	assert_int_equal(property_set(&string, "a=b", "c", &err), -1);
	assert_int_equal(property_set(&string, "mp", NULL, &err), 0);
	assert_null(property_find(&string, "mp"));
}

static void sizes_are_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },          { "512", 512 },
		{ "1K", 1024 },      { "8G", (uint64_t)8 << 30 },
		{ "1.5M", 3 << 19 }, { "2TiB", (uint64_t)2 << 40 },
	};
	static const char *const bad[] = { "", "G", "1g", "1.G", ".5", "1GB", "1 G", "-1", "1G " };
	uint64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(property_parse_size(good[i].text, &bytes), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(property_parse_size(bad[i], &bytes), -EINVAL);
	assert_int_equal(property_parse_size("99999999999999999999", &bytes), -ERANGE);
	assert_int_equal(property_parse_size("99999999T", &bytes), -ERANGE);
}

static void a_size_is_written_in_the_largest_unit_that_is_exact(void **state)
{
	autofree char *gib = property_format_size((uint64_t)8 << 30);
	autofree char *mib = property_format_size((uint64_t)1536 << 20);
	autofree char *bytes = property_format_size(1025);
	autofree char *none = property_format_size(0);

	assert_string_equal(gib, "8G");
	assert_string_equal(mib, "1536M");
	assert_string_equal(bytes, "1025");
	assert_string_equal(none, "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interface_is_read_and_written_as_the_server_writes_it),
		cmocka_unit_test(a_volume_has_a_bare_default_key_first),
		cmocka_unit_test(what_the_grammar_has_not_is_refused_and_changes_nothing),
		cmocka_unit_test(blank_parts_are_skipped_and_values_may_have_equals),
		cmocka_unit_test(too_many_parts_and_too_many_bytes_are_refused),
		cmocka_unit_test(what_cannot_be_expressed_is_not_set),
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(a_size_is_written_in_the_largest_unit_that_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
