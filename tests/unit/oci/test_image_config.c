/* SPDX-License-Identifier: MIT */
#include "oci/image_config.h"
#include "base/text.h"
#include "test.h"

#include <string.h>

#define DIFF_ID "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS  "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF_ID "\"]}"
#define HEAD    "\"architecture\":\"amd64\",\"os\":\"linux\","

static struct image_config *parse(const char *text)
{
	struct image_config *config = NULL;
	struct lxcri_error err = {};

	if (image_config_parse(text, strlen(text), &config, &err) < 0)
		fail_msg("%s", err.text);
	return config;
}

static void every_field_is_read(void **state)
{
	autoptr(image_config) config = parse(
		"{" HEAD
		"\"variant\":\"v1\",\"created\":\"2024-01-02T03:04:05Z\",\"author\":\"me\","
		"\"config\":{\"User\":\"web:www\",\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},"
		"\"Env\":[\"PATH=/bin\",\"odd\"],\"Entrypoint\":[\"/init\"],\"Cmd\":[\"a\",\"b\"],"
		"\"Volumes\":{\"/data\":{},\"/odd\":null},\"WorkingDir\":\"/"
		"srv\",\"Labels\":{\"k\":\"v\"},"
		"\"StopSignal\":\"SIGINT\",\"Shell\":[\"/bin/sh\",\"-c\"],"
		"\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"],\"Interval\":30000000000,"
		"\"Timeout\":1,\"StartPeriod\":2,\"StartInterval\":3,\"Retries\":4}}," ROOTFS ","
		"\"history\":[{\"created_by\":\"step\",\"comment\":\"c\",\"author\":\"a\","
		"\"created\":\"t\"},{\"empty_layer\":true}]}");

	assert_string_equal(config->architecture, "amd64");
	assert_string_equal(config->os, "linux");
	assert_string_equal(config->variant, "v1");
	assert_string_equal(config->created, "2024-01-02T03:04:05Z");
	assert_string_equal(config->author, "me");
	assert_string_equal(config->user, "web:www");
	assert_int_equal(config->exposed_ports.count, 2);
	assert_string_equal(config->exposed_ports.items[1], "53/udp");
	assert_string_equal(config->env.items[1], "odd");
	assert_string_equal(config->entrypoint.items[0], "/init");
	assert_string_equal(config->cmd.items[1], "b");
	assert_null(config->cmd.items[2]);
	assert_string_equal(config->volumes.items[0], "/data");
	assert_string_equal(config->volumes.items[1], "/odd");
	assert_null(config->volumes.items[2]);
	assert_string_equal(config->working_dir, "/srv");
	assert_string_equal(config->labels.items[0].key, "k");
	assert_string_equal(config->labels.items[0].value, "v");
	assert_string_equal(config->stop_signal, "SIGINT");
	assert_string_equal(config->shell.items[1], "-c");
	assert_string_equal(config->healthcheck->test.items[1], "true");
	assert_int_equal(config->healthcheck->interval_ns.value, 30000000000);
	assert_int_equal(config->healthcheck->timeout_ns.value, 1);
	assert_int_equal(config->healthcheck->start_period_ns.value, 2);
	assert_int_equal(config->healthcheck->start_interval_ns.value, 3);
	assert_int_equal(config->healthcheck->retries.value, 4);
	assert_int_equal(config->n_diff_ids, 1);
	assert_string_equal(config->diff_ids[0].text, DIFF_ID);
	assert_int_equal(config->n_history, 2);
	assert_string_equal(config->history[0].created_by, "step");
	assert_true(config->history[1].empty_layer);
}

static void nothing_but_what_is_required_is_enough(void **state)
{
	autoptr(image_config) config = parse("{" HEAD ROOTFS "}");

	assert_null(config->user);
	assert_null(config->env.items);
	assert_null(config->entrypoint.items);
	assert_null(config->healthcheck);
	assert_int_equal(config->n_history, 0);
}

static void a_null_is_an_absence(void **state)
{
	autoptr(image_config) config = parse(
		"{" HEAD ROOTFS ",\"history\":null,\"created\":null,\"config\":{\"Env\":null,"
		"\"Cmd\":null,\"Entrypoint\":null,\"Volumes\":null,\"Labels\":null,"
		"\"OnBuild\":null,\"User\":null,\"Healthcheck\":null,\"ExposedPorts\":null}}");
	autoptr(image_config) none = parse("{" HEAD "\"rootfs\":{\"type\":\"layers\","
					   "\"diff_ids\":null},\"config\":null}");

	assert_null(config->env.items);
	assert_null(config->cmd.items);
	assert_null(config->volumes.items);
	assert_null(config->user);
	assert_null(none->working_dir);
	assert_int_equal(none->n_diff_ids, 0);
}

static void an_empty_list_is_not_an_absent_one(void **state)
{
	autoptr(image_config) config = parse("{" HEAD ROOTFS ",\"config\":{\"Cmd\":[]}}");

	assert_non_null(config->cmd.items);
	assert_int_equal(config->cmd.count, 0);
	assert_null(config->cmd.items[0]);
}

static void unknown_fields_are_kept(void **state)
{
	static const char text[] = "{\"x\":{\"y\":[1,1.50]}," HEAD ROOTFS "}";
	autoptr(image_config) config = parse(text);
	autofree char *line = json_format_line(config->document);

	assert_string_equal(line, text);
}

static void each_fault_has_its_code_and_place(void **state)
{
	static const struct {
		const char *text;
		enum lxcri_code code;
		const char *place;
	} bad[] = {
		{ "", LXCRI_E_INVALID_JSON, "line 1" },
		{ "[]", LXCRI_E_INVALID_FORMAT, "must be an object" },
		{ "{" ROOTFS ",\"os\":\"linux\"}", LXCRI_E_INVALID_FORMAT, "architecture" },
		{ "{" HEAD "\"x\":1}", LXCRI_E_INVALID_FORMAT, "rootfs: is required" },
		{ "{" HEAD "\"rootfs\":null}", LXCRI_E_INVALID_FORMAT, "rootfs: is required" },
		{ "{" HEAD "\"rootfs\":{\"type\":\"x\",\"diff_ids\":[]}}", LXCRI_E_INVALID_FORMAT,
		  "rootfs.type: must be one of layers" },
		{ "{" HEAD "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:0\"]}}",
		  LXCRI_E_INVALID_DIGEST, "rootfs.diff_ids[0]" },
		{ "{" HEAD ROOTFS ",\"config\":{\"Env\":[\"a\",7]}}", LXCRI_E_INVALID_FORMAT,
		  "config.Env[1]: must be a string" },
		{ "{" HEAD ROOTFS ",\"config\":{\"Env\":[null]}}", LXCRI_E_INVALID_FORMAT,
		  "config.Env[0]" },
		{ "{" HEAD ROOTFS ",\"config\":{\"Cmd\":\"sh\"}}", LXCRI_E_INVALID_FORMAT,
		  "config.Cmd: must be an array" },
		{ "{" HEAD ROOTFS ",\"config\":{\"User\":\"a\\nb\"}}", LXCRI_E_INVALID_FORMAT,
		  "config.User: must be one line" },
		{ "{" HEAD ROOTFS ",\"config\":{\"Labels\":{\"a b\":1}}}", LXCRI_E_INVALID_FORMAT,
		  "config.Labels[\"a b\"]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct image_config *config = NULL;
		struct lxcri_error err = {};

		assert_true(image_config_parse(bad[i].text, strlen(bad[i].text), &config, &err) <
			    0);
		if (err.code != bad[i].code || !strstr(err.text, bad[i].place))
			fail_msg("%s: %s: %s", bad[i].text, lxcri_code_name(err.code), err.text);
		assert_null(config);
	}
}

static void the_number_of_layers_is_bounded(void **state)
{
	autorun(text_finish) struct text text = {};
	struct image_config *config = NULL;
	struct lxcri_error err = {};

	text_add(&text, "{" HEAD "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF_ID "\"");
	for (int i = 0; i < IMAGE_LAYERS_MAX; i++)
		text_add(&text, ",\"" DIFF_ID "\"");
	text_add(&text, "]}}");
	assert_true(image_config_parse(text.data, text.length, &config, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_LIMIT_EXCEEDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(nothing_but_what_is_required_is_enough),
		cmocka_unit_test(a_null_is_an_absence),
		cmocka_unit_test(an_empty_list_is_not_an_absent_one),
		cmocka_unit_test(unknown_fields_are_kept),
		cmocka_unit_test(each_fault_has_its_code_and_place),
		cmocka_unit_test(the_number_of_layers_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
