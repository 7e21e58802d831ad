/* SPDX-License-Identifier: MIT */
/* One runtime by its type, with real containers. Needs root. */

#include "lxcri/runtime.h"

#include "../runtime/host.h"
#include "os/path.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define ID "test-runtime"

struct fixture {
	char dir[32];
	char *bundle;
	struct lxcri_config *config;
	struct lxcri_engine *engine;
};

static const enum lxcri_container_type types[] = { LXCRI_LXC, LXCRI_CRUN, LXCRI_RUNC };

static void copy_busybox(const char *rootfs)
{
	autofree char *bytes = NULL;
	autofree char *path = xformat("%s/sh", rootfs);
	size_t size;

	assert_int_equal(file_read(AT_FDCWD, test_busybox(), 16u << 20, &bytes, &size), 0);

	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, size), 0);
}

/* Returns a specification whose process runs @script in busybox's shell. */
static struct lxcri_spec *make_spec(const char *script)
{
	autofree char *args = xformat("[\"/sh\", \"-c\", \"%s\"]", script);
	struct lxcri_spec *spec = lxcri_spec_create();
	struct lxcri_error err = {};

	assert_int_equal(lxcri_spec_set(spec, "process.args", args, &err), 0);
	assert_int_equal(lxcri_spec_set(spec, "linux.cgroupsPath", "\"/" ID "\"", &err), 0);
	return spec;
}

static int set_up(void **state)
{
	struct fixture *fixture = xnew(struct fixture);
	struct lxcri_error err = {};

	strcpy(fixture->dir, "/tmp/test-runtime-XXXXXX");
	if (!mkdtemp(fixture->dir))
		return -1;
	fixture->bundle = xformat("%s/bundle", fixture->dir);

	autofree char *rootfs = xformat("%s/rootfs", fixture->bundle);
	autofree char *root = xformat("%s/run", fixture->dir);
	autofree char *data = xformat("%s/data", fixture->dir);

	if (path_make_dirs(rootfs, 0755) < 0)
		return -1;
	copy_busybox(rootfs);
	fixture->config = lxcri_config_create();
	lxcri_config_set_paths(fixture->config, root, data);
	*state = fixture;
	return lxcri_engine_open(fixture->config, &fixture->engine, &err);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	int r = path_remove_tree(AT_FDCWD, fixture->dir);

	lxcri_engine_free(fixture->engine);
	lxcri_config_free(fixture->config);
	free(fixture->bundle);
	free(fixture);
	return r;
}

static struct lxcri_runtime *open_runtime(struct fixture *fixture, enum lxcri_container_type type)
{
	struct lxcri_runtime *runtime = NULL;
	struct lxcri_error err = {};

	assert_int_equal(lxcri_runtime_open(fixture->engine, type, &runtime, &err), 0);
	return runtime;
}

static void a_runtime_creates_starts_kills_and_deletes(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct lxcri_runtime *runtime = open_runtime(fixture, types[i]);
		struct lxcri_spec *spec = make_spec("while :; do :; done");
		enum lxcri_status status = LXCRI_STATUS_STOPPED;
		struct lxcri_container *container = NULL;
		struct lxcri_error err = {};

		assert_int_equal(lxcri_runtime_create(runtime, ID, fixture->bundle, spec, &err), 0);
		assert_int_equal(lxcri_runtime_status(runtime, ID, &status, &err), 0);
		assert_int_equal(status, LXCRI_STATUS_CREATED);
		assert_int_equal(lxcri_runtime_start(runtime, ID, &err), 0);
		assert_int_equal(lxcri_runtime_status(runtime, ID, &status, &err), 0);
		assert_int_equal(status, LXCRI_STATUS_RUNNING);
		assert_int_equal(lxcri_runtime_exists(runtime, ID, &err), 1);

		assert_true(lxcri_runtime_delete(runtime, ID, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_STATE);
		assert_true(lxcri_runtime_kill(runtime, ID, "SIGNONE", &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
		assert_int_equal(lxcri_runtime_kill(runtime, ID, "kill", &err), 0);
		assert_int_equal(lxcri_container_open(fixture->engine, ID, &container, &err), 0);
		assert_int_equal(lxcri_container_wait(container, 20, &err), 128 + SIGKILL);
		lxcri_container_free(container);
		assert_int_equal(lxcri_runtime_delete(runtime, ID, &err), 0);
		assert_int_equal(lxcri_runtime_exists(runtime, ID, &err), 0);
		lxcri_spec_free(spec);
		lxcri_runtime_free(runtime);
	}
}

static void a_run_returns_the_exit_code_and_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct lxcri_runtime *runtime = open_runtime(fixture, types[i]);
		struct lxcri_spec *spec = make_spec("exit 9");
		struct lxcri_error err = {};

		assert_int_equal(lxcri_runtime_run(runtime, ID, fixture->bundle, spec, &err), 9);
		assert_int_equal(lxcri_runtime_exists(runtime, ID, &err), 0);
		lxcri_spec_free(spec);
		lxcri_runtime_free(runtime);
	}
}

static void a_runtime_does_not_see_the_containers_of_another(void **state)
{
	struct fixture *fixture = *state;
	struct lxcri_runtime *crun = open_runtime(fixture, LXCRI_CRUN);
	struct lxcri_runtime *runc = open_runtime(fixture, LXCRI_RUNC);
	struct lxcri_spec *spec = make_spec("exit 0");
	struct lxcri_error err = {};

	assert_int_equal(lxcri_runtime_create(crun, ID, fixture->bundle, spec, &err), 0);
	assert_int_equal(lxcri_runtime_exists(runc, ID, &err), 0);
	assert_true(lxcri_runtime_start(runc, ID, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_CONTAINER_NOT_FOUND);
	assert_int_equal(lxcri_runtime_delete(crun, ID, &err), 0);
	lxcri_spec_free(spec);
	lxcri_runtime_free(crun);
	lxcri_runtime_free(runc);
}

static void a_runtime_that_is_not_there_is_told_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct lxcri_runtime *runtime = NULL;
	struct lxcri_error err = {};

	assert_true(lxcri_runtime_open(fixture->engine, LXCRI_PROXMOX_LXC, &runtime, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	assert_int_equal(lxcri_config_set_runtime_path(fixture->config, LXCRI_RUNC,
						       "/nonexistent/runc", &err),
			 0);
	assert_true(lxcri_runtime_open(fixture->engine, LXCRI_RUNC, &runtime, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_RUNTIME_NOT_FOUND);
	assert_null(runtime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_runtime_creates_starts_kills_and_deletes, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_run_returns_the_exit_code_and_leaves_nothing,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_runtime_does_not_see_the_containers_of_another,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_runtime_that_is_not_there_is_told_at_once, set_up,
						tear_down),
	};

	if (geteuid() != 0) {
		puts("1..0 # skip: containers need root");
		return 77;
	}
	host_find_helper("lxcri-monitor");
	host_find_helper("lxcri-lxc");
	host_find_helper("lxcri-shim");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
