/* SPDX-License-Identifier: MIT */
#include "runtime/oci_message.h"
#include "test.h"

#include <errno.h>
#include <string.h>

static void expect(const char *log, const char *message)
{
	char found[64] = "";

	assert_int_equal(oci_message_find(log, strlen(log), found, sizeof(found)), 0);
	assert_string_equal(found, message);
}

static void the_last_error_is_the_message(void **state)
{
	expect("{\"level\":\"warning\",\"msg\":\"w\"}\n{\"level\":\"error\",\"msg\":\"first\"}\n"
	       "{\"level\":\"error\",\"msg\":\"say \\\"x\\\" \\u003cy\\u003e\",\"time\":\"t\"}\n",
	       "say \"x\" <y>");
	expect("{\"level\":\"error\",\"msg\":\"e\"}\n{\"level\":\"info\",\"msg\":\"later\"}\n",
	       "e");
}

static void a_log_without_records_gives_its_last_line(void **state)
{
	char found[8] = "";

	expect("one\nsomething broke\n\n", "something broke");
	assert_int_equal(oci_message_find("", 0, found, sizeof(found)), -ENOENT);
	assert_int_equal(oci_message_find("\n\n", 2, found, sizeof(found)), -ENOENT);
}

static void a_message_that_is_too_long_or_broken_is_cut(void **state)
{
	char found[8] = "";
	const char *log = "{\"level\":\"error\",\"msg\":\"0123456789\"}";

	assert_int_equal(oci_message_find(log, strlen(log), found, sizeof(found)), 0);
	assert_string_equal(found, "0123456");
	expect("{\"level\":\"error\",\"msg\":\"ends here \\u00", "ends here ");
}

static void what_could_not_be_executed_has_a_code(void **state)
{
	assert_int_equal(oci_message_code("exec: \"x\": executable file not found in $PATH"),
			 LXCRI_E_COMMAND_NOT_FOUND);
	assert_int_equal(oci_message_code("exec: \"/x\": stat /x: no such file or directory"),
			 LXCRI_E_COMMAND_NOT_FOUND);
	assert_int_equal(oci_message_code("exec: \"/x\": permission denied"),
			 LXCRI_E_COMMAND_NOT_EXECUTABLE);
	assert_int_equal(oci_message_code("mounting /x: permission denied"), LXCRI_E_SYSTEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_error_is_the_message),
		cmocka_unit_test(a_log_without_records_gives_its_last_line),
		cmocka_unit_test(a_message_that_is_too_long_or_broken_is_cut),
		cmocka_unit_test(what_could_not_be_executed_has_a_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
