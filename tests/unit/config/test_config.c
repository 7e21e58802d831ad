/* SPDX-License-Identifier: MIT */
#include "config/config.h"
#include "config/table.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/lxcri-test-config-XXXXXX";

/* Writes @text to @name in the test's directory with @mode; returns a path that lasts until the
 * next call with that name's slot. */
static const char *file(const char *name, const char *text, mode_t mode)
{
	static char paths[4][128];
	static unsigned int next;
	char *path = paths[next++ % 4];
	int fd;

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static struct lxcri_config *parsed(const char *json)
{
	struct lxcri_config *config = NULL;
	struct lxcri_error err = {};

	if (lxcri_config_parse(json, strlen(json), "c.json", &config, &err) < 0)
		fail_msg("%s", err.text);
	return config;
}

static struct lxcri_error refused(const char *json)
{
	struct lxcri_config *config = NULL;
	struct lxcri_error err = {};

	if (lxcri_config_parse(json, strlen(json), "c.json", &config, &err) >= 0)
		fail_msg("%s was taken", json);
	assert_null(config);
	return err;
}

static void names_decide_the_type_in_the_promised_order(void **state)
{
	struct lxcri_config *config =
		parsed("{\"routing\":[{\"pattern\":\"cilium-special\",\"runtime\":\"runc\"},"
		       "{\"pattern\":\"^pve-\",\"runtime\":\"proxmox-lxc\"},"
		       "{\"pattern\":\"cilium-s*\",\"runtime\":\"lxc\"}],"
		       "\"container_config\":{\"crun_name_patterns\":[\"cilium-*\",\"both\"],"
		       "\"runc_name_patterns\":[\"both\",\"r-*\"],"
		       "\"default_container_type\":\"crun\"}}");

	assert_int_equal(lxcri_config_container_type(config, "cilium-special"), LXCRI_RUNC);
	assert_int_equal(lxcri_config_container_type(config, "pve-1"), LXCRI_PROXMOX_LXC);
	assert_int_equal(lxcri_config_container_type(config, "cilium-s1"), LXCRI_LXC);
	assert_int_equal(lxcri_config_container_type(config, "cilium-x"), LXCRI_CRUN);
	assert_int_equal(lxcri_config_container_type(config, "both"), LXCRI_CRUN);
	assert_int_equal(lxcri_config_container_type(config, "r-1"), LXCRI_RUNC);
	assert_int_equal(lxcri_config_container_type(config, "web"), LXCRI_CRUN);
	lxcri_config_set_runtime_type(config, LXCRI_LXC);
	assert_int_equal(lxcri_config_container_type(config, "cilium-special"), LXCRI_LXC);
	lxcri_config_free(config);
}

static void the_defaults_are_those_of_the_documentation(void **state)
{
	struct lxcri_config *config = lxcri_config_create();

	assert_int_equal(lxcri_config_container_type(config, "kube-ovn-cni"), LXCRI_CRUN);
	assert_int_equal(lxcri_config_container_type(config, "cilium-agent"), LXCRI_CRUN);
	assert_int_equal(lxcri_config_container_type(config, "web"), LXCRI_LXC);
	assert_string_equal(lxcri_config_root_path(config), "/run/proxmox-lxcri");
	assert_string_equal(lxcri_config_data_path(config), "/var/lib/proxmox-lxcri");
	assert_int_equal(lxcri_config_stop_timeout_seconds(config), 10);
	assert_null(config_text(config, CONFIG_PROXMOX_TOKEN));
	assert_true(config_bool(config, CONFIG_PROXMOX_VERIFY_SSL));
	lxcri_config_set_paths(config, "/a", NULL);
	assert_string_equal(lxcri_config_root_path(config), "/a");
	assert_string_equal(lxcri_config_data_path(config), "/var/lib/proxmox-lxcri");
	lxcri_config_free(config);
}

static void every_entry_is_whole_and_its_default_is_valid(void **state)
{
	for (size_t i = 0; i < config_table_length; i++) {
		char json[512];
		const struct config_entry *entry = &config_table[i];
		const char *dot;

		assert_non_null(entry->path);
		assert_non_null(entry->help);
		dot = strchr(entry->path, '.');
		if (dot)
			(void)snprintf(json, sizeof(json), "{\"%.*s\":{\"%s\":%s}}",
				       (int)(dot - entry->path), entry->path, dot + 1,
				       entry->otherwise);
		else
			(void)snprintf(json, sizeof(json), "{\"%s\":%s}", entry->path,
				       entry->otherwise);
		lxcri_config_free(parsed(json));
	}
}

static void sizes_may_be_written_with_a_suffix(void **state)
{
	struct lxcri_config *config =
		parsed("{\"runtime\":{\"default_memory\":\"512m\",\"default_cores\":1.5}}");

	assert_int_equal(config_u64(config, CONFIG_RUNTIME_DEFAULT_MEMORY), 512 << 20);
	assert_true(config_number(config, CONFIG_RUNTIME_DEFAULT_CORES) == 1.5);
	lxcri_config_free(config);
}

static void a_wrong_value_is_an_error_with_path_and_line(void **state)
{
	static const struct {
		const char *json, *expected;
	} cases[] = {
		{ "{\n\"runtime\": {\n\"stop_timeout\": \"10\"}}",
		  "c.json:3: runtime.stop_timeout: expected an integer, not a string" },
		{ "{\"runtime\":{\"stop_timeout\":-1}}", "-1 is outside 0 to 86400" },
		{ "{\"runtime\":{\"stop_timeout\":1.5}}", "expected an integer" },
		{ "{\"runtime\":{\"root_path\":\"run\"}}", "\"run\" is not an absolute path" },
		{ "{\"runtime\":{\"root_path\":\"/a\\nb\"}}", "has a control character" },
		{ "{\"runtime\":{\"runc_path\":\"bin/runc\"}}", "neither an absolute path" },
		{ "{\"runtime\":{\"log_level\":\"loud\"}}", "\"loud\" is none of error" },
		{ "{\"runtime\":{\"log_level\":\"error warning\"}}", "is none of error" },
		{ "{\"runtime\":{\"default_memory\":\"12q\"}}", "\"12q\" is no size" },
		{ "{\"runtime\":[]}", "runtime: expected an object" },
		{ "[]", ": expected an object" },
		{ "{\"container_config\":{\"crun_name_patterns\":[\"a\",\n\"[\"]}}",
		  "c.json:2: container_config.crun_name_patterns[1]: pattern \"[\": [ is not "
		  "closed" },
		{ "{\"routing\":[{\"pattern\":\"a\"}]}", "routing[0]: has no \"runtime\"" },
		{ "{\"routing\":{}}", "expected a list, not an object" },
		{ "{\"network\":{\"subnet_pool\":\"10.0.0.1/16\"}}", "bits set behind" },
		{ "{\"network\":{\"subnet_pool\":\"10.0.0.0/33\"}}", "no IPv4 prefix" },
		{ "{\"network\":{\"dns_servers\":[\"one.one\"]}}", "\"one.one\" is no IP" },
		{ "{\"proxmox\":{\"vmid_range\":[200,100]}}", "larger than the last" },
		{ "{\"proxmox\":{\"vmid_range\":[1,100]}}", "vmid_range[0]: 1 is outside 100" },
		{ "{\"proxmox\":{\"verify_ssl\":1}}", "expected true or false" },
		{ "{\"registries\":{\"mirrors\":{\"docker.io\":\"m\"}}}", "expected a list" },
		{ "{", "c.json" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct lxcri_error err = refused(cases[i].json);

		assert_int_equal(err.code, LXCRI_E_INVALID_CONFIG);
		if (!strstr(err.text, cases[i].expected))
			fail_msg("%s: \"%s\"", cases[i].json, err.text);
	}
}

static void an_unknown_type_is_unsupported_and_never_a_fallback(void **state)
{
	enum lxcri_container_type type = LXCRI_RUNC;
	struct lxcri_error err = {};

	assert_true(lxcri_container_type_parse("vm", &type, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	assert_int_equal(type, LXCRI_RUNC);
	err = refused("{\"container_config\":{\"default_container_type\":\"vm\"}}");
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	assert_non_null(strstr(err.text, "container_config.default_container_type"));
	err = refused("{\"routing\":[{\"pattern\":\"*\",\"runtime\":\"cruN\"}]}");
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	assert_non_null(strstr(err.text, "routing[0].runtime"));
}

struct seen {
	char text[4096];
	unsigned int last_line;
};

static void see(void *userdata, unsigned int line, const char *path, const char *text, int warning)
{
	struct seen *seen = userdata;
	size_t used = strlen(seen->text);

	assert_true(line >= seen->last_line);
	seen->last_line = line;
	(void)snprintf(seen->text + used, sizeof(seen->text) - used, "%u %s %s %s\n", line,
		       warning ? "warning" : "error", path, text);
}

static void a_check_reports_every_fault_in_one_go(void **state)
{
	struct seen seen = {};
	struct lxcri_error err = {};
	const char *path = file("faults.json",
				"{\n\"runtime\": { \"stop_timeot\": 3,\n\"log_level\": 7,\n"
				"\"root_path\": \"x\" },\n\"//\": \"a comment\",\n"
				"\"routing\": [{\"pattern\":\"[\",\"runtime\":\"vm\",\n"
				"\"why\":1}],\n\"colour\": 1 }",
				0644);

	assert_int_equal(lxcri_config_check(path, see, &seen, &err), 4);
	assert_string_equal(
		seen.text,
		"2 warning runtime.stop_timeot unknown key; did you mean runtime.stop_timeout?\n"
		"3 error runtime.log_level expected a string, not a number\n"
		"4 error runtime.root_path \"x\" is not an absolute path\n"
		"6 error routing[0].pattern pattern \"[\": [ is not closed\n"
		"6 error routing[0].runtime \"vm\" is no container type (lxc, crun, runc, "
		"proxmox-lxc)\n"
		"7 warning routing[0].why unknown key\n"
		"8 warning colour unknown key\n");
}

static void a_secret_that_others_can_read_is_an_error(void **state)
{
	struct lxcri_config *config = NULL;
	struct lxcri_error err = {};
	const char *json = "{\"proxmox\":{\"token\":\"a@pam!b=s3cr3t\"}}";
	const char *token = file("token", "s3cr3t", 0640);
	char named[256];

	assert_true(lxcri_config_load(file("open.json", json, 0644), &config, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_CONFIG);
	assert_non_null(strstr(err.text, "proxmox.token: this file has mode 0644"));
	assert_null(strstr(err.text, "s3cr3t"));
	assert_int_equal(lxcri_config_load(file("shut.json", json, 0600), &config, &err), 0);
	assert_string_equal(config_text(config, CONFIG_PROXMOX_TOKEN), "a@pam!b=s3cr3t");
	lxcri_config_free(config);

	(void)snprintf(named, sizeof(named), "{\"proxmox\":{\"token_file\":\"%s\"}}", token);
	assert_true(lxcri_config_load(file("named.json", named, 0644), &config, &err) < 0);
	assert_non_null(strstr(err.text, "mode 0640"));
	assert_int_equal(chmod(token, 0600), 0);
	assert_int_equal(lxcri_config_load(file("named.json", named, 0644), &config, &err), 0);
	lxcri_config_free(config);
}

static void show_one(void *userdata, const char *path, const char *json, const char *origin)
{
	struct seen *seen = userdata;

	if (strcmp(path, "proxmox.token") == 0 || strcmp(path, "network.mtu") == 0 ||
	    strcmp(path, "proxmox.node") == 0 || strcmp(path, "runtime.root_path") == 0) {
		size_t used = strlen(seen->text);

		(void)snprintf(seen->text + used, sizeof(seen->text) - used, "%s=%s %s\n", path,
			       json, origin);
	}
}

static void what_is_shown_has_an_origin_and_no_secret(void **state)
{
	struct lxcri_config *config =
		parsed("{\"proxmox\":{\"token\":\"s3cr3t\"},\"runtime\":{\"root_path\":\"/r\"}}");
	struct seen seen = {};

	lxcri_config_show(config, show_one, &seen);
	assert_string_equal(seen.text, "runtime.root_path=\"/r\" c.json\n"
				       "network.mtu=1500 default\n"
				       "proxmox.token=\"***\" c.json\n"
				       "proxmox.node=null default\n");
	lxcri_config_free(config);
}

static void a_file_that_was_named_must_exist(void **state)
{
	struct lxcri_config *config = NULL;
	struct lxcri_error err = {};

	assert_true(lxcri_config_load("/nonexistent/c.json", &config, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_CONFIG_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nonexistent/c.json"));
	setenv("PROXMOX_LXCRI_CONFIG", "/nonexistent/e.json", 1);
	err = (struct lxcri_error){};
	assert_true(lxcri_config_load(NULL, &config, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_CONFIG_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nonexistent/e.json"));
	unsetenv("PROXMOX_LXCRI_CONFIG");
	assert_true(lxcri_config_load(directory, &config, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_CONFIG);
	assert_null(config);
}

static void a_program_is_where_it_was_set_or_on_the_path(void **state)
{
	struct lxcri_config *config = lxcri_config_create();
	struct lxcri_error err = {};
	char *found = NULL;
	const char *program = file("runc", "#!/bin/sh\n", 0755);

	setenv("PATH", directory, 1);
	assert_int_equal(lxcri_config_runtime_path(config, LXCRI_RUNC, &found, &err), 0);
	assert_string_equal(found, program);
	free(found);
	assert_true(lxcri_config_runtime_path(config, LXCRI_CRUN, &found, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_RUNTIME_NOT_FOUND);
	assert_int_equal(lxcri_config_set_runtime_path(config, LXCRI_CRUN, "runc", &err), 0);
	assert_int_equal(lxcri_config_runtime_path(config, LXCRI_CRUN, &found, &err), 0);
	assert_string_equal(found, program);
	free(found);
	assert_int_equal(lxcri_config_set_runtime_path(config, LXCRI_RUNC, "/etc/passwd", &err), 0);
	assert_true(lxcri_config_runtime_path(config, LXCRI_RUNC, &found, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_RUNTIME_NOT_FOUND);
	assert_true(lxcri_config_set_runtime_path(config, LXCRI_LXC, "/x", &err) < 0);
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	lxcri_config_free(config);
}

static int make_directory(void **state)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	static const char *const names[] = { "faults.json", "open.json", "shut.json",
					     "named.json",  "token",     "runc" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		(void)unlink(path);
	}
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_decide_the_type_in_the_promised_order),
		cmocka_unit_test(the_defaults_are_those_of_the_documentation),
		cmocka_unit_test(every_entry_is_whole_and_its_default_is_valid),
		cmocka_unit_test(sizes_may_be_written_with_a_suffix),
		cmocka_unit_test(a_wrong_value_is_an_error_with_path_and_line),
		cmocka_unit_test(an_unknown_type_is_unsupported_and_never_a_fallback),
		cmocka_unit_test(a_check_reports_every_fault_in_one_go),
		cmocka_unit_test(a_secret_that_others_can_read_is_an_error),
		cmocka_unit_test(what_is_shown_has_an_origin_and_no_secret),
		cmocka_unit_test(a_file_that_was_named_must_exist),
		cmocka_unit_test(a_program_is_where_it_was_set_or_on_the_path),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
