/* SPDX-License-Identifier: MIT */
#include "proxmox/upid.h"
#include "base/scope.h"
#include "test.h"

#include <string.h>

static void a_task_has_all_its_parts(void **state)
{
	struct upid upid;
	struct lxcri_error err = {};

	assert_int_equal(
		upid_parse("UPID:pve-1:0002A1B3:00F0C0DE:65A1B2C3:vzcreate:105:root@pam!t1:", &upid,
			   &err),
		0);
	assert_string_equal(upid.node, "pve-1");
	assert_int_equal(upid.pid, 0x2a1b3);
	assert_int_equal(upid.pstart, 0xf0c0de);
	assert_int_equal(upid.start, 0x65a1b2c3);
	assert_string_equal(upid.type, "vzcreate");
	assert_string_equal(upid.id, "105");
	assert_string_equal(upid.user, "root@pam!t1");
}

static void the_id_may_be_empty_and_the_start_of_nine_digits(void **state)
{
	struct upid upid;
	struct lxcri_error err = {};

	assert_int_equal(
		upid_parse("UPID:n:00000001:100000000:00000001:imgcopy::user@pve:", &upid, &err),
		0);
	assert_string_equal(upid.id, "");
	assert_int_equal(upid.pstart, 0x100000000);
}

static void what_is_no_task_leaves_the_result_alone(void **state)
{
	static const char *const bad[] = {
		"",
		"UPID:",
		"UPID:n:1:00000001:00000001:t:i:u:",
		"UPID:n:00000001:00000001:00000001:t:i:u",
		"UPID:n:00000001:00000001:00000001:t:i:u:more",
		"UPID:n:00000001:00000001:00000001::i:u:",
		"UPID:n:00000001:00000001:00000001:t:i::",
		"UPID:n:00000001:00000001:00000001:t/x:i:u:",
		"UPID:n:00000001:00000001:00000001:t:i x:u:",
		"UPID:n:0000000G:00000001:00000001:t:i:u:",
		"UPID:../n:00000001:00000001:00000001:t:i:u:",
		"UPID:-n:00000001:00000001:00000001:t:i:u:",
		"UPID:n:00000001:00000001:00000001:t:i:u\n:",
	};
	struct upid upid = { .pid = 7 };
	struct lxcri_error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err = (struct lxcri_error){};
		assert_int_equal(upid_parse(bad[i], &upid, &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_FORMAT);
		assert_int_equal(upid.pid, 7);
	}
}

static void a_node_is_letters_digits_and_inner_hyphens(void **state)
{
	assert_true(node_name_is_valid("pve"));
	assert_true(node_name_is_valid("pve-01"));
	assert_false(node_name_is_valid(""));
	assert_false(node_name_is_valid("pve-"));
	assert_false(node_name_is_valid("a/b"));
	assert_false(node_name_is_valid("a b"));
	assert_false(node_name_is_valid("0123456789012345678901234567890123456789"
					"0123456789012345678901234567890123456789"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_has_all_its_parts),
		cmocka_unit_test(the_id_may_be_empty_and_the_start_of_nine_digits),
		cmocka_unit_test(what_is_no_task_leaves_the_result_alone),
		cmocka_unit_test(a_node_is_letters_digits_and_inner_hyphens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
