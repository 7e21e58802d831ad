/* SPDX-License-Identifier: MIT */
#include "base/strings.h"
#include "base/scope.h"
#include "runtime/carrier.h"
#include "runtime/monitor_state.h"
#include "runtime/wire.h"
#include "test.h"

#include <errno.h>
#include <string.h>

static void a_request_to_execute_names_a_file_and_a_socket(void **state)
{
	static const char good[] = "\1\0\0\0name\0/socket";
	static const char no_socket[] = "\0\0\0\0name\0";
	struct wire_exec exec;
	const char *name;
	const char *console;

	assert_int_equal(wire_parse_exec(good, sizeof(good), &exec, &name, &console), 0);
	assert_int_equal(exec.detach, 1);
	assert_string_equal(name, "name");
	assert_string_equal(console, "/socket");
	assert_int_equal(wire_parse_exec(no_socket, sizeof(no_socket), &exec, &name, &console), 0);
	assert_string_equal(console, "");
}

static void a_request_that_is_cut_or_leads_elsewhere_is_refused(void **state)
{
	static const char path[] = "\0\0\0\0a/b\0";
	static const char hidden[] = "\0\0\0\0..\0";
	static const char open_end[] = { 0, 0, 0, 0, 'n', 0, 's' };
	struct wire_exec exec;
	const char *name;
	const char *console;

	assert_int_equal(wire_parse_exec(path, sizeof(path), &exec, &name, &console), -EINVAL);
	assert_int_equal(wire_parse_exec(hidden, sizeof(hidden), &exec, &name, &console), -EINVAL);
	assert_int_equal(wire_parse_exec(open_end, sizeof(open_end), &exec, &name, &console),
			 -EINVAL);
	for (size_t size = 0; size < 6; size++)
		assert_int_equal(wire_parse_exec(path, size, &exec, &name, &console), -EINVAL);
}

static void an_answer_has_the_size_of_its_type(void **state)
{
	struct wire_header header = { .version = wire_version, .type = WIRE_EXITED };

	header.size = sizeof(struct wire_exited);
	assert_true(wire_check_answer(&header, sizeof(struct wire_exited)));
	assert_false(wire_check_answer(&header, sizeof(struct wire_exited) - 1));
	header.size = 1;
	assert_false(wire_check_answer(&header, 1));
	header.type = WIRE_STDOUT;
	assert_true(wire_check_answer(&header, 1));
	header.type = WIRE_KILL;
	assert_false(wire_check_answer(&header, 1));
	header = (struct wire_header){ .version = (uint16_t)(wire_version + 1), .type = WIRE_OK };
	assert_false(wire_check_answer(&header, 0));
}

/* Feeds @input in one piece and returns what is left of it. */
static size_t filter(struct carrier *carrier, char *bytes, const char *input, bool *detach)
{
	strcpy(bytes, input);
	return carrier_filter_keys(carrier, bytes, strlen(input), detach);
}

static void the_two_keys_detach_also_in_two_pieces(void **state)
{
	struct carrier carrier = CARRIER_NULL;
	char bytes[16];
	bool detach;

	assert_int_equal(filter(&carrier, bytes, "ab\x10\x11z", &detach), 2);
	assert_true(detach);
	assert_int_equal(filter(&carrier, bytes, "ab\x10", &detach), 2);
	assert_false(detach);
	assert_int_equal(filter(&carrier, bytes, "\x11", &detach), 0);
	assert_true(detach);
}

static void a_first_key_alone_is_passed_on_with_the_next(void **state)
{
	struct carrier carrier = CARRIER_NULL;
	char bytes[16];
	bool detach;

	assert_int_equal(filter(&carrier, bytes, "\x10", &detach), 0);
	assert_int_equal(filter(&carrier, bytes, "x", &detach), 2);
	assert_false(detach);
	assert_memory_equal(bytes, "\x10x", 2);
	assert_int_equal(filter(&carrier, bytes, "\x10", &detach), 0);
	assert_int_equal(filter(&carrier, bytes, "\x10\x11", &detach), 1);
	assert_true(detach);
	assert_int_equal(filter(&carrier, bytes, "\x11", &detach), 1);
	assert_false(detach);
}

static void a_record_names_only_cgroups(void **state)
{
	static const char json[] = "{\"phase\":\"paused\",\"pid\":7,\"pid_start_time\":8,"
				   "\"cgroups\":[\"/sys/fs/cgroup/pids/a\",\"/etc\",3,"
				   "\"/sys/fs/cgroup/../../x\"]}";
	autorun(strings_finish) struct strings cgroups = {};
	struct monitor_state read;
	struct lxcri_error err = {};

	assert_int_equal(monitor_state_parse(json, strlen(json), &read, &cgroups, &err), 0);
	assert_int_equal(read.phase, MONITOR_PAUSED);
	assert_int_equal(read.pid, 7);
	assert_int_equal(cgroups.count, 1);
	assert_string_equal(cgroups.items[0], "/sys/fs/cgroup/pids/a");
}

static void a_record_without_a_known_phase_is_refused(void **state)
{
	static const char *const bad[] = { "{}", "[]", "{\"phase\":\"gone\"}", "{\"phase\":1}",
					   "" };
	struct monitor_state read;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct lxcri_error err = {};

		assert_int_equal(monitor_state_parse(bad[i], strlen(bad[i]), &read, NULL, &err),
				 -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_JSON);
	}
}

static void a_record_of_a_later_program_is_not_taken_for_damage(void **state)
{
	static const char later[] = "{\"version\":2,\"phase\":\"running\"}";
	struct lxcri_error err = {};
	struct monitor_state read;

	assert_int_equal(monitor_state_parse(later, strlen(later), &read, NULL, &err), -1);
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_to_execute_names_a_file_and_a_socket),
		cmocka_unit_test(a_request_that_is_cut_or_leads_elsewhere_is_refused),
		cmocka_unit_test(an_answer_has_the_size_of_its_type),
		cmocka_unit_test(the_two_keys_detach_also_in_two_pieces),
		cmocka_unit_test(a_first_key_alone_is_passed_on_with_the_next),
		cmocka_unit_test(a_record_names_only_cgroups),
		cmocka_unit_test(a_record_without_a_known_phase_is_refused),
		cmocka_unit_test(a_record_of_a_later_program_is_not_taken_for_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
