/* SPDX-License-Identifier: MIT */
#include "cli/request/create_request.h"
#include "test.h"

#include <string.h>

/* Fills a request from options in which @list has the one item @value. */
#define FILL(request, list, value)                                             \
	({                                                                     \
		struct create_options options_ = {};                           \
		struct lxcri_error err_ = {};                                  \
		strings_add(&options_.list, value);                            \
		int r_ = create_request_fill(&options_, &(request), &err_);    \
		strings_finish(&options_.list);                                \
		if (r_ < 0)                                                    \
			assert_int_equal(err_.code, LXCRI_E_INVALID_ARGUMENT); \
		if (r_ < 0)                                                    \
			assert_non_null(strstr(err_.text, value));             \
		r_;                                                            \
	})

static void a_volume_is_source_destination_and_options(void **state)
{
	static const struct {
		const char *text, *source, *destination, *options;
	} cases[] = {
		{ "/srv:/data", "/srv", "/data", NULL },
		{ "/srv:/data:ro,z", "/srv", "/data", "ro,z" },
		{ "db_1:/data", "db_1", "/data", NULL },
		{ "/data", NULL, "/data", NULL },
		{ "/data:ro", NULL, "/data", "ro" },
		{ "/..:/data", "/..", "/data", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct create_request request;

		assert_int_equal(FILL(request, volumes, cases[i].text), 0);
		assert_int_equal(request.options.n_volumes, 1);

		const struct lxcri_volume *volume = request.options.volumes;
		const char *const got[] = { volume->source, volume->destination, volume->options };
		const char *const expected[] = { cases[i].source, cases[i].destination,
						 cases[i].options };

		for (size_t k = 0; k < 3; k++)
			if (!got[k] != !expected[k] || (got[k] && strcmp(got[k], expected[k]) != 0))
				fail_msg("%s: part %zu is %s", cases[i].text, k, got[k]);
		create_request_finish(&request);
	}
}

static void a_malformed_value_is_refused_with_its_option(void **state)
{
	static const char *const volumes[] = { "",
					       ":/data",
					       "/srv:",
					       "/a:/b:ro:x",
					       "data",
					       "a b:/data",
					       "./nonexistent:/data",
					       "v:data" };
	static const char *const devices[] = { "", "null", "/dev/null:x", "/dev/null:/a:rwx",
					       "/dev/null:/a:r:w" };
	static const char *const ulimits[] = { "nofile",       "=1",         "nofile=",
					       "nofile=1:2:3", "nofile=5:4", "nofile=x" };

	for (size_t i = 0; i < sizeof(volumes) / sizeof(*volumes); i++) {
		struct create_request request;

		if (FILL(request, volumes, volumes[i]) >= 0)
			fail_msg("volume \"%s\" was taken", volumes[i]);
		create_request_finish(&request);
	}
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		struct create_request request;

		if (FILL(request, devices, devices[i]) >= 0)
			fail_msg("device \"%s\" was taken", devices[i]);
		create_request_finish(&request);
	}
	for (size_t i = 0; i < sizeof(ulimits) / sizeof(*ulimits); i++) {
		struct create_request request;

		if (FILL(request, ulimits, ulimits[i]) >= 0)
			fail_msg("ulimit \"%s\" was taken", ulimits[i]);
		create_request_finish(&request);
	}
}

static void a_limit_without_a_second_number_is_both(void **state)
{
	struct create_request request;

	assert_int_equal(FILL(request, ulimits, "nofile=64"), 0);
	assert_string_equal(request.options.rlimits[0].name, "nofile");
	assert_int_equal(request.options.rlimits[0].soft, 64);
	assert_int_equal(request.options.rlimits[0].hard, 64);
	create_request_finish(&request);
	assert_int_equal(FILL(request, ulimits, "core=0:unlimited"), 0);
	assert_int_equal(request.options.rlimits[0].soft, 0);
	assert_true(request.options.rlimits[0].hard == UINT64_MAX);
	create_request_finish(&request);
}

static void a_device_may_have_another_path_and_fewer_permissions(void **state)
{
	struct create_request request;

	assert_int_equal(FILL(request, devices, "/dev/fuse:r"), 0);
	assert_null(request.options.devices[0].container_path);
	assert_string_equal(request.options.devices[0].permissions, "r");
	create_request_finish(&request);
	assert_int_equal(FILL(request, devices, "/dev/sda:/dev/xvda:rw"), 0);
	assert_string_equal(request.options.devices[0].container_path, "/dev/xvda");
	assert_string_equal(request.options.devices[0].permissions, "rw");
	create_request_finish(&request);
}

static void an_entrypoint_is_a_program_or_a_list_or_none(void **state)
{
	struct create_request request;
	struct lxcri_error err = {};
	struct create_options options = { .entrypoint = "/bin/a b" };

	assert_int_equal(create_request_fill(&options, &request, &err), 0);
	assert_string_equal(request.options.entrypoint[0], "/bin/a b");
	assert_null(request.options.entrypoint[1]);
	create_request_finish(&request);

	options.entrypoint = "[\"/bin/a\",\"b\"]";
	assert_int_equal(create_request_fill(&options, &request, &err), 0);
	assert_string_equal(request.options.entrypoint[1], "b");
	create_request_finish(&request);

	options.entrypoint = "";
	assert_int_equal(create_request_fill(&options, &request, &err), 0);
	assert_non_null(request.options.entrypoint);
	assert_null(request.options.entrypoint[0]);
	create_request_finish(&request);

	options.entrypoint = NULL;
	assert_int_equal(create_request_fill(&options, &request, &err), 0);
	assert_null(request.options.entrypoint);
	create_request_finish(&request);

	options.entrypoint = "[1]";
	assert_int_equal(create_request_fill(&options, &request, &err), -1);
	create_request_finish(&request);
}

static struct lxcri_port read_port(const char *value, struct strings *texts)
{
	struct lxcri_port port = {};
	struct lxcri_error err = {};

	assert_int_equal(network_options_parse_port(value, texts, &port, &err), 0);
	return port;
}

static void a_port_is_published_as_docker_writes_it(void **state)
{
	autorun(strings_finish) struct strings texts = {};
	struct lxcri_port port = read_port("8080:80", &texts);

	assert_null(port.host_ip);
	assert_int_equal(port.host_port, 8080);
	assert_int_equal(port.container_port, 80);
	assert_int_equal(port.count, 1);
	assert_int_equal(port.protocol, LXCRI_PROTOCOL_TCP);
	port = read_port("80", &texts);
	assert_int_equal(port.host_port, 0);
	port = read_port("127.0.0.1::53/udp", &texts);
	assert_string_equal(port.host_ip, "127.0.0.1");
	assert_int_equal(port.host_port, 0);
	assert_int_equal(port.protocol, LXCRI_PROTOCOL_UDP);
	port = read_port("[::1]:8000-8002:9000-9002/sctp", &texts);
	assert_string_equal(port.host_ip, "::1");
	assert_int_equal(port.count, 3);
	assert_int_equal(port.protocol, LXCRI_PROTOCOL_SCTP);
	port = read_port("1-65535:1-65535", &texts);
	assert_int_equal(port.count, 65535);
}

static void what_is_no_port_is_refused_by_name(void **state)
{
	static const char *const values[] = {
		"",
		":",
		"0",
		"65536",
		"80/icmp",
		"80/",
		"x:80",
		"80:x",
		"8080:80:80:80",
		"::1:80:80",
		":80:80",
		"8000-8001:80",
		"2-1:2-1",
		"-1:80",
		"80:+80",
		"[::1:80:80",
		"80:80/tcp/udp",
		"080:80",
	};
	autorun(strings_finish) struct strings texts = {};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct lxcri_port port = { .count = 77 };
		struct lxcri_error err = {};

		assert_int_equal(network_options_parse_port(values[i], &texts, &port, &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
		assert_non_null(strstr(err.text, "--publish"));
		assert_int_equal(port.count, 77);
	}
}

static void the_last_profile_counts_and_nothing_else_is_a_security_option(void **state)
{
	struct create_request request;
	struct lxcri_error err = {};
	struct create_options options = {};

	strings_add(&options.security, "apparmor=one");
	strings_add(&options.security, "apparmor=two");
	assert_int_equal(create_request_fill(&options, &request, &err), 0);
	assert_string_equal(request.options.apparmor_profile, "two");
	create_request_finish(&request);

	strings_add(&options.security, "apparmor");
	assert_int_equal(create_request_fill(&options, &request, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "--security-opt: \"apparmor\""));
	create_request_finish(&request);
	strings_finish(&options.security);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_volume_is_source_destination_and_options),
		cmocka_unit_test(a_malformed_value_is_refused_with_its_option),
		cmocka_unit_test(a_limit_without_a_second_number_is_both),
		cmocka_unit_test(a_device_may_have_another_path_and_fewer_permissions),
		cmocka_unit_test(an_entrypoint_is_a_program_or_a_list_or_none),
		cmocka_unit_test(a_port_is_published_as_docker_writes_it),
		cmocka_unit_test(what_is_no_port_is_refused_by_name),
		cmocka_unit_test(the_last_profile_counts_and_nothing_else_is_a_security_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
