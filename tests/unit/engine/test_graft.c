/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "engine/update/graft.h"
#include "engine/update/request.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LABEL "org.proxmox-lxcri.label."

static struct json_object *parse(const char *text)
{
	struct json_object *object = json_tokener_parse(text);

	assert_non_null(object);
	return object;
}

static const char old_text[] =
	"{\"hostname\":\"web\",\"linux\":{\"resources\":{\"pids\":{\"limit\":7}}},"
	"\"process\":{\"args\":[\"old\"],\"env\":[\"A=old\"],\"cwd\":\"/old\","
	"\"user\":{\"uid\":0,\"gid\":0},\"oomScoreAdj\":5,\"apparmorProfile\":\"mine\","
	"\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"],\"effective\":[\"CAP_CHOWN\"]}},"
	"\"mounts\":[{\"destination\":\"/data\",\"source\":\"/v\"}],"
	"\"annotations\":{\"note\":\"kept\",\"" LABEL "gone\":\"1\",\"" LABEL "app\":\"1\"}}";

static const char fresh_text[] =
	"{\"hostname\":\"x\",\"linux\":{},"
	"\"process\":{\"args\":[\"new\"],\"env\":[\"A=new\",\"B=new\"],\"cwd\":\"/new\","
	"\"user\":{\"uid\":1000,\"gid\":1000},"
	"\"capabilities\":{\"bounding\":[\"CAP_KILL\"]}},\"mounts\":[],"
	"\"annotations\":{\"note\":\"image\",\"" LABEL "app\":\"2\"}}";

static void add_volume(struct bundle *bundle, const char *destination)
{
	bundle->volumes =
		xreallocarray(bundle->volumes, bundle->n_volumes + 1, sizeof(*bundle->volumes));
	bundle->volumes[bundle->n_volumes++] =
		(struct bundle_volume){ .destination = xstrdup(destination) };
}

static void what_is_the_image_s_is_replaced_and_all_else_stays(void **state)
{
	autorun(bundle_finish) struct bundle bundle = { .spec = parse(fresh_text) };
	autorun(request_finish) struct request request = {};
	autojson old = parse(old_text);

	strings_add(&request.unset, "B");
	add_volume(&bundle, "/data");
	add_volume(&bundle, "/more");
	graft(old, &request, &bundle);

	autofree char *spec = xstrdup(json_object_to_json_string_ext(
		bundle.spec, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	static const char *const there[] = {
		"\"hostname\":\"web\"",
		"\"limit\":7",
		"\"args\":[\"new\"]",
		"\"cwd\":\"/new\"",
		"\"env\":[\"A=new\"]",
		"\"uid\":1000",
		"\"oomScoreAdj\":5",
		"\"apparmorProfile\":\"mine\"",
		"\"bounding\":[\"CAP_CHOWN\"]",
		"\"effective\":[]",
		"\"note\":\"kept\"",
		"label.app\":\"2\"",
	};

	for (size_t i = 0; i < ARRAY_LEN(there); i++)
		if (!strstr(spec, there[i]))
			fail_msg("%s is not in %s", there[i], spec);
	assert_null(strstr(spec, "label.gone"));
	assert_null(strstr(spec, "CAP_KILL"));
	assert_int_equal(bundle.n_volumes, 1);
	assert_string_equal(bundle.volumes[0].destination, "/more");
	assert_string_equal(json_get_text(old, "hostname"), "web");
}

static void a_request_comes_back_with_the_values_of_its_day(void **state)
{
	char dir[] = "/tmp/lxcri-request.XXXXXX";
	static const char *const env[] = { "A=1", "LXCRI_SET", "LXCRI_UNSET", NULL };
	static const char *const none[] = { NULL };
	const struct lxcri_create_options before = {
		.env = env, .entrypoint = none, .user = "1000", .init = true
	};
	struct lxcri_create_options after = {};
	autorun(request_finish) struct request request = {};
	struct lxcri_error err = {};

	assert_non_null(mkdtemp(dir));
	autofree char *path = xformat("%s/" REQUEST_FILE, dir);

	assert_int_equal(setenv("LXCRI_SET", "then", 1), 0);
	assert_int_equal(unsetenv("LXCRI_UNSET"), 0);
	assert_int_equal(request_save(&before, dir, &err), 0);
	assert_int_equal(setenv("LXCRI_SET", "now", 1), 0);
	assert_int_equal(setenv("LXCRI_UNSET", "now", 1), 0);
	assert_int_equal(request_load(dir, &request, &err), 0);
	request_apply(&request, &after);
	assert_string_equal(after.env[0], "A=1");
	assert_string_equal(after.env[1], "LXCRI_SET=then");
	assert_null(after.env[2]);
	assert_string_equal(request.unset.items[0], "LXCRI_UNSET");
	assert_non_null(after.entrypoint);
	assert_null(after.entrypoint[0]);
	assert_true(after.init);
	assert_string_equal(after.user, "1000");
	assert_null(after.working_dir);
	assert_int_equal(unlink(path), 0);
	request_finish(&request);
	assert_int_equal(request_load(dir, &request, &err), -1);
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_the_image_s_is_replaced_and_all_else_stays),
		cmocka_unit_test(a_request_comes_back_with_the_values_of_its_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
