/* SPDX-License-Identifier: MIT */
#include "engine/bundle.h"
#include "tree.h"

#include <math.h>

#define IMAGE(config_)                                                       \
	"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":" \
	"\"layers\",\"diff_ids\":[]},\"config\":" config_ "}"

static const char image[] =
	IMAGE("{\"Env\":[\"A=1\",\"ALONE\",\"PATH=/opt/bin\"],\"Entrypoint\":[\"/entry\"],"
	      "\"Cmd\":[\"arg\"],\"WorkingDir\":\"srv//app/.\",\"User\":\"5:6\","
	      "\"StopSignal\":\"SIGQUIT\",\"Volumes\":{\"/var/lib/db\":{},\"cache/\":{}},"
	      "\"Labels\":{\"version\":\"2\",\"run.oci.handler\":\"krun\","
	      "\"org.systemd.property.X\":\"1\",\"io.x\":\"1\",\"lxcri.x\":\"1\","
	      "\"org.proxmox-lxcri.label.version\":\"9\",\"broken\":\"a\\nb\"}}");

static struct lxcri_create_options defaults(void)
{
	return (struct lxcri_create_options){ .id = "web", .image = "demo" };
}

static int build_from(const char *config, const struct lxcri_create_options *options,
		      struct bundle *bundle, struct lxcri_error *err)
{
	const struct strings no_layers = {};

	const struct record_ids ids = {};

	return bundle_build(config, options, &no_layers, &ids, bundle, err);
}

/* Asserts that the value at @path, keys joined by '/', is the JSON text @expected; NULL: absent. */
static void assert_at(const struct bundle *bundle, const char *path, const char *expected)
{
	autofree char *copy = xstrdup(path);
	struct json_object *value = bundle->spec;

	for (char *rest = copy; rest;)
		value = json_get(value, strsep(&rest, "/"));
	if (!expected) {
		assert_null(value);
		return;
	}

	autofree char *text = json_format_line(value);

	assert_string_equal(text, expected);
}

static void assert_builds(const struct lxcri_create_options *options, const char *path,
			  const char *expected)
{
	autorun(bundle_finish) struct bundle bundle = {};
	struct lxcri_error err = {};

	if (build_from(image, options, &bundle, &err) < 0)
		fail_msg("%s", err.text);
	assert_at(&bundle, path, expected);
}

static void assert_refused(const struct lxcri_create_options *options, const char *named)
{
	autorun(bundle_finish) struct bundle bundle = {};
	struct lxcri_error err = {};

	assert_true(build_from(image, options, &bundle, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
	if (!strstr(err.text, named))
		fail_msg("\"%s\" does not name %s", err.text, named);
	assert_null(bundle.spec);
}

static void a_command_replaces_cmd_and_an_entrypoint_drops_it(void **state)
{
	static const char *const command[] = { "x", "y", NULL };
	static const char *const entrypoint[] = { "/bin/sh", "-c", NULL };
	static const char *const none[] = { NULL };
	struct lxcri_create_options options = defaults();

	assert_builds(&options, "process/args", "[\"/entry\",\"arg\"]");
	options.command = command;
	assert_builds(&options, "process/args", "[\"/entry\",\"x\",\"y\"]");
	options.entrypoint = entrypoint;
	assert_builds(&options, "process/args", "[\"/bin/sh\",\"-c\",\"x\",\"y\"]");
	options.command = NULL;
	assert_builds(&options, "process/args", "[\"/bin/sh\",\"-c\"]");
	options.entrypoint = none;
	assert_refused(&options, "demo");
	options.command = command;
	options.init = true;
	assert_builds(&options, "process/args", "[\"/dev/.lxcri-init\",\"--\",\"x\",\"y\"]");
}

static void the_users_environment_comes_after_the_images(void **state)
{
	static const char *const env[] = { "A=2\nlines", "LXCRI_TEST_VALUE", "PATH", "GONE", NULL };
	struct lxcri_create_options options = defaults();

	assert_builds(&options, "process/env",
		      "[\"PATH=/opt/bin\",\"HOSTNAME=web\",\"A=1\",\"HOME=/\"]");
	assert_int_equal(setenv("LXCRI_TEST_VALUE", "mine", 1), 0);
	assert_int_equal(unsetenv("GONE"), 0);

	autofree char *path = xstrdup(getenv("PATH"));

	assert_int_equal(setenv("PATH", "/caller", 1), 0);
	options.env = env;
	options.terminal = true;
	assert_builds(&options, "process/env",
		      "[\"PATH=/caller\",\"HOSTNAME=web\",\"TERM=xterm\",\"A=2\\nlines\","
		      "\"LXCRI_TEST_VALUE=mine\",\"HOME=/\"]");
	assert_int_equal(setenv("PATH", path, 1), 0);

	static const char *const nameless[] = { "=x", NULL };

	options.env = nameless;
	assert_refused(&options, "=x");
}

static void directory_user_and_stop_signal_are_the_images_unless_given(void **state)
{
	autorun(bundle_finish) struct bundle bundle = {};
	struct lxcri_create_options options = defaults();
	struct lxcri_error err = {};

	assert_int_equal(build_from(image, &options, &bundle, &err), 0);
	assert_at(&bundle, "process/cwd", "\"/srv/app\"");
	assert_at(&bundle, "process/user", "{\"uid\":5,\"gid\":6,\"additionalGids\":[6]}");
	assert_at(&bundle, "process/capabilities/effective", "[]");
	assert_string_equal(bundle.stop_signal, "SIGQUIT");
	bundle_finish(&bundle);

	options.working_dir = "/work";
	options.user = "0";
	options.stop_signal = "rtmin+3";
	assert_int_equal(build_from(image, &options, &bundle, &err), 0);
	assert_at(&bundle, "process/cwd", "\"/work\"");
	assert_at(&bundle, "process/user/uid", "0");
	assert_string_equal(bundle.stop_signal, "rtmin+3");
	assert_true(json_object_array_length(
			    json_get(json_get(json_get(bundle.spec, "process"), "capabilities"),
				     "effective")) > 5);

	options.working_dir = "relative";
	assert_refused(&options, "relative");
	options.working_dir = "/a/../b";
	assert_refused(&options, "..");
	options.working_dir = NULL;
	options.stop_signal = "SIGNOTHING";
	assert_refused(&options, "SIGNOTHING");
	options.stop_signal = NULL;
	options.user = "nobody-there";
	assert_refused(&options, "nobody-there");
}

static void an_images_labels_never_become_orders(void **state)
{
	static const char *const labels[] = { "version=3", "empty", NULL };
	static const char *const annotations[] = { "run.oci.x=y=z", NULL };
	static const char *const forged[] = { "a=b\nc", NULL };
	struct lxcri_create_options options = defaults();

	assert_builds(&options, "annotations", "{\"org.proxmox-lxcri.label.version\":\"2\"}");
	options.labels = labels;
	options.annotations = annotations;
	assert_builds(&options, "annotations",
		      "{\"org.proxmox-lxcri.label.version\":\"3\","
		      "\"org.proxmox-lxcri.label.empty\":\"\",\"run.oci.x\":\"y=z\"}");
	options.labels = forged;
	assert_refused(&options, "control character");
}

static void the_hostname_is_given_or_made_of_the_id(void **state)
{
	struct lxcri_create_options options = defaults();

	options.id = "my_app+1.x-";
	assert_builds(&options, "hostname", "\"my-app-1.x\"");
	options.hostname = "db.example.org";
	assert_builds(&options, "hostname", "\"db.example.org\"");

	static const char *const bad[] = { "", "a b", "-a", "a-", "a..b", "a\nb", "a_b" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		options.hostname = bad[i];
		assert_refused(&options, "hostname");
	}
}

/* Returns the index of the mount at @destination, or -1; *@ret its JSON, borrowed. */
static int find_mount(const struct bundle *bundle, const char *destination,
		      struct json_object **ret)
{
	struct json_object *mounts = json_get(bundle->spec, "mounts");

	for (size_t i = 0; i < json_object_array_length(mounts); i++) {
		*ret = json_object_array_get_idx(mounts, i);
		if (strcmp(json_get_text(*ret, "destination"), destination) == 0)
			return (int)i;
	}
	return -1;
}

static void assert_mount(const struct bundle *bundle, const char *destination, const char *source,
			 const char *options)
{
	struct json_object *mount;

	if (find_mount(bundle, destination, &mount) < 0)
		fail_msg("nothing is mounted at %s", destination);

	autofree char *text = json_format_line(json_get(mount, "options"));

	assert_string_equal(json_get_text(mount, "source"), source);
	assert_string_equal(text, options);
}

static void every_container_has_dockers_mounts(void **state)
{
	autorun(bundle_finish) struct bundle bundle = {};
	struct lxcri_create_options options = defaults();
	struct lxcri_error err = {};
	struct json_object *mount;

	options.shm_bytes = 1 << 20;
	options.read_only = true;
	assert_int_equal(build_from(image, &options, &bundle, &err), 0);
	assert_mount(&bundle, "/proc", "proc", "[\"nosuid\",\"noexec\",\"nodev\"]");
	assert_mount(&bundle, "/dev/shm", "shm",
		     "[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=1048576\"]");
	assert_mount(&bundle, "/sys/fs/cgroup", "cgroup",
		     "[\"ro\",\"nosuid\",\"noexec\",\"nodev\"]");
	assert_true(find_mount(&bundle, "/dev", &mount) < find_mount(&bundle, "/dev/pts", &mount));
	assert_at(&bundle, "root", "{\"path\":\"rootfs\",\"readonly\":true}");
	assert_true(find_mount(&bundle, "/etc/hosts", &mount) < 0);
}

static void volumes_replace_those_of_the_image_and_parents_come_first(void **state)
{
	const struct lxcri_volume volumes[] = {
		{ .source = "/tmp", .destination = "/var/lib/db/deep/er", .options = "ro,z" },
		{ .source = "data", .destination = "/var/lib//db/", .options = "nocopy,noexec" },
		{ .source = NULL, .destination = "/anonymous" },
		{ .source = "/tmp/", .destination = "/dev/shm", .options = "bind,rslave" },
	};
	autorun(bundle_finish) struct bundle bundle = {};
	struct lxcri_create_options options = defaults();
	struct lxcri_error err = {};
	struct json_object *mount;

	options.volumes = volumes;
	options.n_volumes = ARRAY_LEN(volumes);
	assert_int_equal(build_from(image, &options, &bundle, &err), 0);
	assert_int_equal(bundle.n_volumes, 3);
	assert_string_equal(bundle.volumes[0].name, "data");
	assert_string_equal(bundle.volumes[0].destination, "/var/lib/db");
	assert_true(bundle.volumes[0].no_copy);
	assert_null(bundle.volumes[1].name);
	assert_string_equal(bundle.volumes[2].destination, "/cache");

	for (size_t i = 0; i < bundle.n_volumes; i++)
		bundle.volumes[i].source = xformat("/made/%zu", i);
	bundle_mount_volumes(&bundle, false);
	assert_mount(&bundle, "/var/lib/db", "/made/0", "[\"noexec\",\"rprivate\",\"rbind\"]");
	assert_mount(&bundle, "/var/lib/db/deep/er", "/tmp", "[\"ro\",\"rprivate\",\"rbind\"]");
	assert_mount(&bundle, "/dev/shm", "/tmp", "[\"rslave\",\"bind\"]");
	assert_true(find_mount(&bundle, "/var/lib/db", &mount) <
		    find_mount(&bundle, "/var/lib/db/deep/er", &mount));
}

static void a_volume_that_makes_no_sense_is_refused(void **state)
{
	static const struct {
		struct lxcri_volume volume;
		const char *named;
	} bad[] = {
		{ { .source = "/tmp", .destination = "relative" }, "relative" },
		{ { .source = "/tmp", .destination = "/a/../../b" }, ".." },
		{ { .source = "/tmp", .destination = "//." }, "root" },
		{ { .source = "/tmp", .destination = "/a\nb" }, "control" },
		{ { .source = "/tmp", .destination = "/a", .options = "ro,frob" }, "frob" },
		{ { .source = "/no/such/path", .destination = "/a" }, "/no/such/path" },
		{ { .source = "/tmp/../etc", .destination = "/a" }, ".." },
		{ { .source = "./here", .destination = "/a" }, "./here" },
		{ { .source = "", .destination = "/a" }, "neither" },
	};
	const struct lxcri_volume twice[] = { { .destination = "/a" }, { .destination = "/a/" } };
	struct lxcri_create_options options = defaults();

	options.n_volumes = 1;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		options.volumes = &bad[i].volume;
		assert_refused(&options, bad[i].named);
	}
	options.volumes = twice;
	options.n_volumes = 2;
	assert_refused(&options, "/a already");
}

static void a_tmpfs_is_careful_unless_told_otherwise(void **state)
{
	static const char *const plain[] = { "/run", "/work:exec,size=16m,mode=700", NULL };
	static const char *const bad[] = { "/x:size=16q", "/x:frob", "x", "/x:size=", "/x:uid=-1" };
	autorun(bundle_finish) struct bundle bundle = {};
	struct lxcri_create_options options = defaults();
	struct lxcri_error err = {};

	options.tmpfs = plain;
	assert_int_equal(build_from(image, &options, &bundle, &err), 0);
	assert_mount(&bundle, "/run", "tmpfs", "[\"noexec\",\"nosuid\",\"nodev\"]");
	assert_mount(&bundle, "/work", "tmpfs",
		     "[\"nosuid\",\"nodev\",\"exec\",\"size=16m\",\"mode=700\"]");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *const one[] = { bad[i], NULL };

		options.tmpfs = one;
		assert_refused(&options, "tmpfs");
	}
}

static void a_device_is_what_it_is_on_the_host(void **state)
{
	const struct lxcri_device full = { .host_path = "/dev/full",
					   .container_path = "/dev/mine",
					   .permissions = "rw" };
	static const struct {
		struct lxcri_device device;
		const char *named;
	} bad[] = {
		{ { .host_path = "/dev/no-such" }, "/dev/no-such" },
		{ { .host_path = "/etc/passwd" }, "/etc/passwd" },
		{ { .host_path = "/dev/full", .permissions = "rx" }, "rx" },
		{ { .host_path = "/dev/full", .permissions = "rr" }, "rr" },
		{ { .host_path = "/dev/full", .permissions = "" }, "permissions" },
		{ { .host_path = "/dev/full", .container_path = "mine" }, "mine" },
	};
	autorun(bundle_finish) struct bundle bundle = {};
	struct lxcri_create_options options = defaults();
	struct lxcri_error err = {};

	options.devices = &full;
	options.n_devices = 1;
	assert_int_equal(build_from(image, &options, &bundle, &err), 0);

	struct json_object *part = json_get(bundle.spec, "linux");
	struct json_object *rules = json_get(json_get(part, "resources"), "devices");
	struct json_object *device = json_object_array_get_idx(json_get(part, "devices"), 0);
	size_t last = json_object_array_length(rules) - 1;
	autofree char *first = json_format_line(json_object_array_get_idx(rules, 0));
	autofree char *own = json_format_line(json_object_array_get_idx(rules, last));

	assert_string_equal(first, "{\"allow\":false,\"access\":\"rwm\"}");
	assert_string_equal(own, "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":7,"
				 "\"access\":\"rw\"}");
	assert_string_equal(json_get_text(device, "path"), "/dev/mine");
	assert_int_equal(json_get_u64(device, "minor", 0), 7);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		options.devices = &bad[i].device;
		assert_refused(&options, bad[i].named);
	}
}

static void limits_are_written_and_nonsense_is_refused(void **state)
{
	const struct lxcri_rlimit limit = { "nofile", 10, UINT64_MAX };
	const struct lxcri_rlimit bad[] = { { "RLIMIT_WINGS", 1, 1 }, { "core", 2, 1 } };
	const struct lxcri_rlimit twice[] = { { "core", 1, 1 }, { "RLIMIT_CORE", 1, 1 } };
	const double silly[] = { -1, 0.001, 1e9, NAN, INFINITY };
	struct lxcri_create_options options = defaults();

	assert_builds(&options, "linux/resources/memory", NULL);
	options.memory_bytes = 64 << 20;
	options.cpus = 1.5;
	options.pids_max = 100;
	options.rlimits = &limit;
	options.n_rlimits = 1;
	assert_builds(&options, "linux/resources/memory", "{\"limit\":67108864}");
	assert_builds(&options, "linux/resources/cpu", "{\"quota\":150000,\"period\":100000}");
	assert_builds(&options, "linux/resources/pids", "{\"limit\":100}");
	assert_builds(&options, "process/rlimits",
		      "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":10,\"hard\":18446744073709551615}]");

	for (size_t i = 0; i < ARRAY_LEN(silly); i++) {
		options.cpus = silly[i];
		assert_refused(&options, "CPUs");
	}
	options.cpus = 0;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		options.rlimits = &bad[i];
		assert_refused(&options, bad[i].name);
	}
	options.rlimits = twice;
	options.n_rlimits = 2;
	assert_refused(&options, "twice");
	options.n_rlimits = 0;
	options.memory_bytes = UINT64_MAX;
	assert_refused(&options, "memory");
}

static void the_network_is_its_own_or_the_hosts(void **state)
{
	struct lxcri_create_options options = defaults();
	autorun(bundle_finish) struct bundle bundle = {};
	struct lxcri_error err = {};

	assert_int_equal(build_from(image, &options, &bundle, &err), 0);

	autofree char *with =
		json_format_line(json_get(json_get(bundle.spec, "linux"), "namespaces"));

	assert_non_null(strstr(with, "network"));
	assert_non_null(strstr(with, "pid"));
	bundle_finish(&bundle);

	options.networks = (const char *const[]){ "host", NULL };
	assert_int_equal(build_from(image, &options, &bundle, &err), 0);

	autofree char *without =
		json_format_line(json_get(json_get(bundle.spec, "linux"), "namespaces"));

	assert_null(strstr(without, "network"));
	assert_mount(&bundle, "/etc/hosts", "/etc/hosts", "[\"bind\",\"ro\",\"rprivate\"]");
	options.networks = (const char *const[]){ "host", "web", NULL };
	assert_refused(&options, "network host goes with no");
	options.networks = (const char *const[]){ "web", "none", NULL };
	assert_refused(&options, "network none goes with no");
}

static void a_broken_image_config_is_refused_and_named(void **state)
{
	static const struct {
		const char *config;
		enum lxcri_code code;
	} bad[] = {
		{ "{", LXCRI_E_INVALID_JSON },
		{ "[]", LXCRI_E_INVALID_FORMAT },
		{ IMAGE("[]"), LXCRI_E_INVALID_FORMAT },
		{ IMAGE("{\"Cmd\":\"sh\"}"), LXCRI_E_INVALID_FORMAT },
		{ IMAGE("{\"Cmd\":[\"sh\"],\"Env\":[\"=1\"]}"), LXCRI_E_INVALID_FORMAT },
		{ IMAGE("{\"Cmd\":[\"sh\"],\"StopSignal\":\"x\"}"), LXCRI_E_INVALID_FORMAT },
		{ IMAGE("{\"Cmd\":[\"sh\"],\"Volumes\":{\"/\":{}}}"), LXCRI_E_INVALID_FORMAT },
		{ IMAGE("{\"Cmd\":[]}"), LXCRI_E_INVALID_ARGUMENT },
		{ IMAGE("{\"Cmd\":[\"\"]}"), LXCRI_E_INVALID_ARGUMENT },
	};
	struct lxcri_create_options options = defaults();

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autorun(bundle_finish) struct bundle bundle = {};
		struct lxcri_error err = {};

		assert_true(build_from(bad[i].config, &options, &bundle, &err) < 0);
		if (err.code != bad[i].code || !strstr(err.text, "demo"))
			fail_msg("%s: %s", bad[i].config, err.text);
		assert_null(bundle.spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_replaces_cmd_and_an_entrypoint_drops_it),
		cmocka_unit_test(the_users_environment_comes_after_the_images),
		cmocka_unit_test(directory_user_and_stop_signal_are_the_images_unless_given),
		cmocka_unit_test(an_images_labels_never_become_orders),
		cmocka_unit_test(the_hostname_is_given_or_made_of_the_id),
		cmocka_unit_test(every_container_has_dockers_mounts),
		cmocka_unit_test(volumes_replace_those_of_the_image_and_parents_come_first),
		cmocka_unit_test(a_volume_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_tmpfs_is_careful_unless_told_otherwise),
		cmocka_unit_test(a_device_is_what_it_is_on_the_host),
		cmocka_unit_test(limits_are_written_and_nonsense_is_refused),
		cmocka_unit_test(the_network_is_its_own_or_the_hosts),
		cmocka_unit_test(a_broken_image_config_is_refused_and_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
