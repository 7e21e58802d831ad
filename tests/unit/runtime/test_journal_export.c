/* SPDX-License-Identifier: MIT */
#include "base/scope.h"
#include "runtime/log/journal_export.h"
#include "test.h"

#include <errno.h>
#include <string.h>

static const char entry_bytes[] = "__CURSOR=s=1;i=2\nPRIORITY=3\n_HOSTNAME=x\nMESSAGE\n"
				  "\x04\0\0\0\0\0\0\0a\n\0b\nCONTAINER_PARTIAL_MESSAGE=true\n"
				  "SYSLOG_TIMESTAMP=2026\n\n";
#define ENTRY_SIZE (sizeof(entry_bytes) - 1)

static void an_entry_is_read_with_any_bytes_in_it(void **state)
{
	struct journal_entry entry;

	assert_int_equal(journal_export_parse(entry_bytes, ENTRY_SIZE, &entry), ENTRY_SIZE);
	assert_int_equal(entry.record.text_size, 4);
	assert_memory_equal(entry.record.text, "a\n\0b", 4);
	assert_true(entry.record.is_stderr);
	assert_true(entry.record.is_partial);
	assert_int_equal(entry.record.time_size, 4);
	assert_int_equal(entry.cursor_size, 7);
	assert_memory_equal(entry.cursor, "s=1;i=2", 7);
}

static void an_entry_that_is_not_complete_is_waited_for(void **state)
{
	struct journal_entry entry;

	for (size_t size = 0; size < ENTRY_SIZE; size++)
		assert_int_equal(journal_export_parse(entry_bytes, size, &entry), 0);
}

static void a_length_that_lies_is_refused(void **state)
{
	static const char huge[] = "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff"
				   "abc\n\n";
	static const char off[] = "MESSAGE\n\x01\0\0\0\0\0\0\0"
				  "abc\n\n";
	struct journal_entry entry;

	assert_int_equal(journal_export_parse(huge, sizeof(huge) - 1, &entry), -EINVAL);
	assert_int_equal(journal_export_parse(off, sizeof(off) - 1, &entry), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_read_with_any_bytes_in_it),
		cmocka_unit_test(an_entry_that_is_not_complete_is_waited_for),
		cmocka_unit_test(a_length_that_lies_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
