/* SPDX-License-Identifier: MIT */
#include "proxmox/rest/settings.h"
#include "base/scope.h"
#include "test.h"

#include <string.h>

#define FINGERPRINT                                                                            \
	"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:" \
	"cc:dd:ee:ff"

static int parse(const char *json, struct rest_settings *settings, struct lxcri_error *err)
{
	*err = (struct lxcri_error){};
	return rest_settings_parse(json, strlen(json), settings, err);
}

static void hosts_get_the_port_that_they_do_not_name(void **state)
{
	autorun(rest_settings_finish) struct rest_settings settings = {};
	struct lxcri_error err;

	assert_int_equal(
		parse("{\"hosts\":[\"pve1\",\"pve2:443\",\"10.0.0.1\",\"fe80::1\",\"[fe80::2]\","
		      "\"[fe80::3]:1\"],\"port\":8006,\"token\":\"u@pve!t=s\"}",
		      &settings, &err),
		0);
	assert_int_equal(settings.hosts.count, 6);
	assert_string_equal(settings.hosts.items[0], "pve1:8006");
	assert_string_equal(settings.hosts.items[1], "pve2:443");
	assert_string_equal(settings.hosts.items[2], "10.0.0.1:8006");
	assert_string_equal(settings.hosts.items[3], "[fe80::1]:8006");
	assert_string_equal(settings.hosts.items[4], "[fe80::2]:8006");
	assert_string_equal(settings.hosts.items[5], "[fe80::3]:1");
	assert_true(settings.verify);
}

static void fingerprints_are_read_with_and_without_colons(void **state)
{
	autorun(rest_settings_finish) struct rest_settings settings = {};
	struct lxcri_error err;

	assert_int_equal(
		parse("{\"hosts\":[\"a\"],\"token\":\"u@pve!t=s\",\"fingerprint\":\"" FINGERPRINT
		      ", abababababababababababababababababababababababababababababababab\"}",
		      &settings, &err),
		0);
	assert_int_equal(settings.n_fingerprints, 2);
	assert_int_equal(settings.fingerprints[0][1], 0x11);
	assert_int_equal(settings.fingerprints[0][31], 0xff);
	assert_int_equal(settings.fingerprints[1][0], 0xab);
}

static void what_is_no_setting_is_refused(void **state)
{
	static const char *const bad[] = {
		"{\"hosts\":[],\"token\":\"u@pve!t=s\"}",
		"{\"hosts\":[\"a\"]}",
		"{\"hosts\":[\"a\"],\"user\":\"u\"}",
		"{\"hosts\":[\"a/b\"],\"token\":\"u@pve!t=s\"}",
		"{\"hosts\":[\"user@a\"],\"token\":\"u@pve!t=s\"}",
		"{\"hosts\":[\"a\"],\"token\":\"no token\"}",
		"{\"hosts\":[\"a\"],\"token\":\"u@pve!t=s;x\"}",
		"{\"hosts\":[\"a\"],\"token\":\"u@pve!t=s\",\"fingerprint\":\"00:11\"}",
		"{\"hosts\":[\"a\"],\"token\":\"u@pve!t=s\",\"fingerprint\":\"" FINGERPRINT "00\"}",
	};
	struct rest_settings settings = { .timeout_seconds = 7 };
	struct lxcri_error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i], &settings, &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_CONFIG);
		assert_int_equal(settings.timeout_seconds, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_get_the_port_that_they_do_not_name),
		cmocka_unit_test(fingerprints_are_read_with_and_without_colons),
		cmocka_unit_test(what_is_no_setting_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
