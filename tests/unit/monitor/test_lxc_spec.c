/* SPDX-License-Identifier: MIT */
/* A specification as items of liblxc's configuration and as the plan of the shim. */

#include "base/mem.h"
#include "base/scope.h"
#include "monitor/lxc/lxc_config.h"
#include "monitor/lxc/lxc_spec.h"
#include "test.h"

#include <string.h>
#include <sys/mount.h>

static const struct lxc_hierarchies unified = { .unified = true, .root = "/no/such" };

static void parse(const char *resources, struct runtime_spec **ret)
{
	struct lxcri_error err = {};
	autofree char *text = xformat(
		"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},"
		"\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"},\"linux\":{\"resources\":%s}}",
		resources);

	assert_int_equal(runtime_spec_parse(text, strlen(text), ret, &err), 0);
}

/* Returns all items as "KEY=VALUE;", owned by the caller. */
static char *join(const struct lxc_config *config)
{
	struct text text = {};

	for (size_t i = 0; i < config->keys.count; i++)
		text_addf(&text, "%s=%s;", config->keys.items[i], config->values.items[i]);
	return text_steal(&text);
}

static int build_devices(const char *rules, char **ret, struct lxcri_error *err)
{
	autoptr(runtime_spec) spec = NULL;
	struct lxc_config config = {};
	autofree char *resources = xformat("{\"devices\":%s}", rules);

	parse(resources, &spec);

	int r = lxc_config_devices(spec->linux_->resources, &unified, &config, err);

	*ret = join(&config);
	lxc_config_finish(&config);
	return r;
}

static void later_device_rules_win(void **state)
{
	struct lxcri_error err = {};
	autofree char *text = NULL;

	assert_int_equal(build_devices("[{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":200,"
				       "\"access\":\"rwm\"},{\"allow\":true,\"type\":\"b\","
				       "\"major\":8,\"access\":\"r\"},{\"allow\":false,\"type\":"
				       "\"c\",\"major\":10,\"access\":\"w\"}]",
				       &text, &err),
			 0);
	assert_true(text_starts_with(text, "lxc.cgroup2.devices.deny=a;"));
	assert_non_null(strstr(text, "allow=c 10:200 rm;"));
	assert_non_null(strstr(text, "allow=b 8:* r;"));
	assert_non_null(strstr(text, "allow=c 1:3 rwm;"));
	assert_null(strstr(text, "10:200 rwm"));
}

static void a_denial_of_everything_forgets_what_was_allowed(void **state)
{
	struct lxcri_error err = {};
	autofree char *text = NULL;

	assert_int_equal(build_devices("[{\"allow\":true,\"access\":\"rwm\"},"
				       "{\"allow\":false,\"access\":\"rwm\"}]",
				       &text, &err),
			 0);
	assert_null(strstr(text, "*:* rwm"));
}

static void a_hole_in_a_wildcard_is_refused(void **state)
{
	struct lxcri_error err = {};
	autofree char *text = NULL;

	assert_int_equal(build_devices("[{\"allow\":true,\"type\":\"c\",\"access\":\"rw\"},"
				       "{\"allow\":false,\"type\":\"c\",\"major\":10,"
				       "\"access\":\"w\"}]",
				       &text, &err),
			 -1);
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	assert_non_null(strstr(err.text, "linux.resources.devices[1]"));
}

static void no_value_breaks_out_of_its_item(void **state)
{
	static const char *const bad[] = { "a\nlxc.hook.start=x", "a\rb", "", "\x7f", "\t" };
	struct lxc_config config = {};
	struct lxcri_error err = {};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(lxc_config_add(&config, "lxc.uts.name", bad[i], &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_SPEC);
	}
	assert_int_equal(lxc_config_add(&config, "lxc.x = y\n", "v", &err), -1);
	assert_int_equal(lxc_config_add(&config, "nolxc.x", "v", &err), -1);
	assert_int_equal(config.keys.count, 0);
	lxc_config_finish(&config);
}

static void mount_options_are_told_apart(void **state)
{
	const char *options[] = { "ro",      "nosuid",  "rslave", "rnodev",
				  "size=1m", "noatime", "rw",     "nofail" };
	const struct spec_mount spec = { .destination = "x",
					 .type = "tmpfs",
					 .options = { options, ARRAY_LEN(options) } };
	struct lxc_plan plan = { .mounts = xcalloc(1, sizeof(*plan.mounts)), .n_mounts = 1 };
	struct lxc_plan_mount *mount = plan.mounts;
	struct lxcri_error err = {};

	assert_int_equal(lxc_spec_mount(&spec, mount, &err), 0);
	assert_string_equal(mount->destination, "/x");
	assert_int_equal(mount->set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME);
	assert_int_equal(mount->clear, MOUNT_ATTR_RDONLY | MOUNT_ATTR__ATIME);
	assert_int_equal(mount->set_all, MOUNT_ATTR_NODEV);
	assert_int_equal(mount->propagation, MS_SLAVE);
	assert_int_equal(mount->flags, LXC_MOUNT_PROPAGATE_ALL);
	assert_int_equal(mount->data.count, 1);
	assert_string_equal(mount->data.items[0], "size=1m");
	lxc_plan_finish(&plan);
}

static void a_plan_survives_its_way(void **state)
{
	static const char spec_text[] =
		"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\",\"readonly\":true},"
		"\"hostname\":\"h\",\"annotations\":{\"k\":\"v\"},"
		"\"process\":{\"args\":[\"a\",\"\"],\"cwd\":\"/w\",\"env\":[\"A=1\"],"
		"\"user\":{\"uid\":1,\"gid\":2,\"additionalGids\":[3,4]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":18446744073709551615}]},"
		"\"mounts\":[{\"destination\":\"/p\",\"type\":\"proc\",\"source\":\"proc\"}],"
		"\"hooks\":{\"poststop\":[{\"path\":\"/h\",\"args\":[\"x\"],\"timeout\":3}]},"
		"\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"}],"
		"\"maskedPaths\":[\"/m\"]}}";
	autoptr(runtime_spec) spec = NULL;
	struct lxcri_error err = {};
	struct lxc_plan plan = {};
	struct lxc_plan copy = {};
	struct text bytes = {};

	assert_int_equal(runtime_spec_parse(spec_text, strlen(spec_text), &spec, &err), 0);
	assert_int_equal(lxc_spec_plan(spec, "id", "/b", &plan, &err), 0);
	lxc_plan_encode(&plan, &bytes);
	assert_int_equal(lxc_plan_decode(bytes.data, bytes.length, &copy, &err), 0);
	assert_string_equal(copy.process.args.items[1], "");
	assert_string_equal(copy.hostname, "h");
	assert_null(copy.domainname);
	assert_true(copy.read_only_root);
	assert_int_equal(copy.process.groups[1], 4);
	assert_true(copy.process.rlimits[0].hard == UINT64_MAX);
	assert_int_equal(copy.poststop.items[0].timeout_seconds, 3);
	assert_non_null(strstr(copy.state_tail, "\"annotations\""));
	for (size_t size = 0; size < bytes.length; size++) {
		struct lxc_plan cut = {};

		assert_int_equal(lxc_plan_decode(bytes.data, size, &cut, &err), -1);
		assert_int_equal(err.code, LXCRI_E_INVALID_FORMAT);
	}
	text_finish(&bytes);
	lxc_plan_finish(&plan);
	lxc_plan_finish(&copy);
}

static void cgroup_paths_stay_in_the_hierarchy(void **state)
{
	struct lxc_cgroup_names names = {};
	struct lxcri_error err = {};
	static const char *const bad[] = { "/a/../b", "/..", "/a/./b", "a:b", "a\nb", "a:b:" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(lxc_cgroup_names("id", "/run/x", bad[i], &names, &err), -1);
	assert_int_equal(lxc_cgroup_names("id", "/run/x", "/a/b/", &names, &err), 0);
	assert_string_equal(names.payload, "a/b");
	lxc_cgroup_names_finish(&names);
	assert_int_equal(lxc_cgroup_names("id", "/run/x", "sys.slice:pre:n", &names, &err), 0);
	assert_string_equal(names.payload, "sys.slice/pre-n.scope");
	lxc_cgroup_names_finish(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_device_rules_win),
		cmocka_unit_test(a_denial_of_everything_forgets_what_was_allowed),
		cmocka_unit_test(a_hole_in_a_wildcard_is_refused),
		cmocka_unit_test(no_value_breaks_out_of_its_item),
		cmocka_unit_test(mount_options_are_told_apart),
		cmocka_unit_test(a_plan_survives_its_way),
		cmocka_unit_test(cgroup_paths_stay_in_the_hierarchy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
