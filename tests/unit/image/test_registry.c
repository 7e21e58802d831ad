/* SPDX-License-Identifier: MIT */
#include "base/base64.h"
#include "base/mem.h"
#include "base/scope.h"
#include "image/registry/auth_file.h"
#include "image/registry/challenge.h"
#include "image/registry/peer.h"
#include "image/registry/response.h"
#include "image/registry/retry.h"
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static void a_bearer_challenge_is_chosen_of_several(void **state)
{
	autorun(challenge_finish) struct challenge challenge = {};
	struct lxcri_error err = {};

	assert_int_equal(challenge_parse("Negotiate YII==, basic realm=plain , Bearer "
					 "realm=\"https://a/\\\"b\" ,service=x,scope=\"a,b\"",
					 &challenge, &err),
			 0);
	assert_int_equal(challenge.scheme, CHALLENGE_BEARER);
	assert_string_equal(challenge.realm, "https://a/\"b");
	assert_string_equal(challenge.service, "x");
	assert_string_equal(challenge.scope, "a,b");
}

static void a_malformed_challenge_is_refused(void **state)
{
	static const char *const bad[] = {
		"Bearer realm=\"open", "Bearer realm=",          "=x",
		"Bearer a=b c",        "Bearer realm=x,realm=y", "\"Bearer\""
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autorun(challenge_finish) struct challenge challenge = {};
		struct lxcri_error err = {};

		assert_int_equal(challenge_parse(bad[i], &challenge, &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_FORMAT);
	}
}

static void the_longest_key_of_an_auth_file_counts(void **state)
{
	static const char text[] = "{\"auths\":{\"registry.example\":{\"auth\":\"YTox\"},"
				   "\"registry.example/team\":{\"auth\":\"Yjoy\"},"
				   "\"registry.example/team/app\":{\"auth\":\"Yzoz\"},"
				   "\"https://index.docker.io/v1/\":{\"auth\":\"ZDo0OjU=\"}}}";
	static const struct {
		const char *host, *path, *user, *password;
	} wanted[] = {
		{ "registry.example", "other", "a", "1" },
		{ "registry.example", "team/x", "b", "2" },
		{ "registry.example", "team/app", "c", "3" },
		{ "registry.example", "team/apple", "b", "2" },
		{ "registry.example", "teams", "a", "1" },
		{ "docker.io", "library/busybox", "d", "4:5" },
		{ "registry.example.org", "x", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		autorun(auth_entry_finish) struct auth_entry entry = {};
		struct lxcri_error err = {};
		int r = auth_file_find(text, strlen(text), wanted[i].host, wanted[i].path, &entry,
				       &err);

		assert_int_equal(r, wanted[i].user ? 1 : 0);
		if (!wanted[i].user)
			continue;
		assert_string_equal(entry.credentials.user, wanted[i].user);
		assert_string_equal(entry.credentials.password, wanted[i].password);
	}
}

static void an_auth_that_could_forge_a_header_is_refused(void **state)
{
	/* "a:b" and a line end, no colon, no base64. */
	static const char *const bad[] = { "YTpiCg==", "YWI=", "a:b", "YTox=",
					   "YTo"
					   "AQ==" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofree char *text = xformat("{\"auths\":{\"h\":{\"auth\":\"%s\"}}}", bad[i]);
		autorun(auth_entry_finish) struct auth_entry entry = {};
		struct lxcri_error err = {};

		assert_int_equal(auth_file_find(text, strlen(text), "h", "p", &entry, &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_FORMAT);
	}
}

static void a_helper_s_name_is_no_path(void **state)
{
	static const char text[] = "{\"credHelpers\":{\"h\":\"../../bin/sh\"}}";
	autorun(auth_entry_finish) struct auth_entry entry = {};
	struct lxcri_error err = {};

	assert_int_equal(auth_file_find(text, strlen(text), "h", "p", &entry, &err), -1);
	assert_int_equal(err.code, LXCRI_E_INVALID_FORMAT);
}

static void what_a_registry_has_of_an_upload_is_counted_from_its_start(void **state)
{
	static const struct {
		const char *line;
		bool has_kept;
		uint64_t kept;
	} cases[] = {
		{ "Range: 0-1023", true, 1024 },
		{ "range: bytes=0-7", true, 8 },
		/* Of no byte at all registries say the same as of the first alone. */
		{ "Range: 0-0", true, 0 },
		{ "Range: 5-9", false, 0 },
		{ "Range: 0-", false, 0 },
		{ "Range: 0--1", false, 0 },
		{ "Range: 0-9223372036854775807", false, 0 },
		{ "Ranges: 0-1", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autorun(response_finish) struct response_head head = {};
		struct lxcri_error err = {};

		assert_int_equal(response_add_line(&head, "HTTP/1.1 202 x", 14, &err), 0);
		assert_int_equal(
			response_add_line(&head, cases[i].line, strlen(cases[i].line), &err), 0);
		assert_int_equal(head.response.has_kept, cases[i].has_kept);
		if (cases[i].has_kept)
			assert_int_equal(head.response.kept, cases[i].kept);
	}
}

static bool is_local(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return peer_is_local((const struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return peer_is_local((const struct sockaddr *)&v6);
}

static void addresses_of_this_host_and_its_link_are_local_in_every_form(void **state)
{
	static const char *const local[] = { "127.0.0.1",
					     "127.9.9.9",
					     "0.0.0.0",
					     "0.1.2.3",
					     "169.254.169.254",
					     "224.0.0.1",
					     "255.255.255.255",
					     "::",
					     "::1",
					     "fe80::1",
					     "ff02::1",
					     "::ffff:127.0.0.1",
					     "::ffff:169.254.169.254",
					     "64:ff9b::7f00:1",
					     "::127.0.0.1" };
	static const char *const far[] = { "1.1.1.1",        "10.0.0.1",        "192.168.1.1",
					   "169.253.1.1",    "2001:db8::1",     "fd00::1",
					   "::ffff:1.1.1.1", "64:ff9b::101:101" };

	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		assert_true(is_local(local[i]));
	for (size_t i = 0; i < ARRAY_LEN(far); i++)
		assert_false(is_local(far[i]));
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	assert_int_equal(retry_after_ms("120"), 120000);
	assert_int_equal(retry_after_ms("Fri, 31 Dec 1999 23:59:59 GMT"), 0);
	assert_int_equal(retry_after_ms("soon"), -1);
	assert_int_equal(retry_after_ms("-1"), -1);
	assert_int_equal(retry_after_ms(NULL), -1);
	assert_true(retry_wait_ms(1) > 0 && retry_wait_ms(4) > retry_wait_ms(1));
	assert_true(retry_wait_ms(UINT32_MAX) < 200000);
}

static void base64_is_read_as_it_is_written(void **state)
{
	for (size_t size = 0; size < 9; size++) {
		size_t back = 99;
		autofree char *text = base64_encode("\0\xff\x80 abc~", size);
		autofree char *bytes = base64_decode(text, &back);

		assert_int_equal(strlen(text), (size + 2) / 3 * 4);
		assert_int_equal(back, size);
		assert_memory_equal(bytes, "\0\xff\x80 abc~", size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bearer_challenge_is_chosen_of_several),
		cmocka_unit_test(a_malformed_challenge_is_refused),
		cmocka_unit_test(the_longest_key_of_an_auth_file_counts),
		cmocka_unit_test(an_auth_that_could_forge_a_header_is_refused),
		cmocka_unit_test(a_helper_s_name_is_no_path),
		cmocka_unit_test(what_a_registry_has_of_an_upload_is_counted_from_its_start),
		cmocka_unit_test(addresses_of_this_host_and_its_link_are_local_in_every_form),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(base64_is_read_as_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
