/* SPDX-License-Identifier: MIT */
#include "scene.h"

/* A runtime that is runc but for one verb, at which it fails with a message. */
static const struct scene_backend *make_failing(struct scene_backend *backend, const char *verb)
{
	autofree char *script = xformat("#!/bin/sh\n"
					"for word; do [ \"$last\" = --log ] && log=$word\n"
					"last=$word; [ \"$word\" = %s ] && fails=1; done\n"
					"[ -z \"$fails\" ] && exec /usr/sbin/runc \"$@\"\n"
					"echo '{\"level\":\"error\",\"msg\":\"no luck\"}' > $log\n"
					"exit 1\n",
					verb);
	char *dir = xstrdup("/tmp/lxcri-runtime-XXXXXX");

	assert_non_null(mkdtemp(dir));
	host_write(dir, "runtime", script);
	*backend = (struct scene_backend){ LXCRI_RUNC, xformat("%s/runtime", dir) };
	free(dir);
	return backend;
}

static void end_failing(struct scene *scene, struct scene_backend *backend)
{
	autofree char *path = (char *)backend->runtime_path;

	assert_int_equal(monitor_kill(scene->monitor, SIGKILL, false, &scene->err), 0);
	assert_int_equal(scene_wait(scene), 137);
	scene_finish(scene);
	*strrchr(path, '/') = '\0';
	assert_int_equal(path_remove_tree(AT_FDCWD, path), 0);
}

static void init_failing(struct scene *scene, struct scene_backend *backend, const char *verb)
{
	const struct scene_backend *failing = make_failing(backend, verb);

	scene_init(scene, &(void *){ (void *)failing }, "sleep 100");
}

static void a_runtime_that_cannot_start_is_quoted(void **state)
{
	struct scene_backend backend;
	struct scene scene;

	init_failing(&scene, &backend, "start");
	scene_create(&scene);
	assert_int_equal(monitor_begin(scene.monitor, &scene.err), -1);
	assert_int_equal(scene.err.code, LXCRI_E_CONTAINER_START_FAILED);
	assert_non_null(strstr(scene.err.text, "no luck"));
	end_failing(&scene, &backend);
}

static void a_runtime_that_cannot_kill_is_quoted(void **state)
{
	struct scene_backend backend;
	struct scene scene;

	init_failing(&scene, &backend, "kill");
	scene_start(&scene);
	assert_int_equal(monitor_kill(scene.monitor, SIGTERM, true, &scene.err), -1);
	assert_int_equal(scene.err.code, LXCRI_E_CONTAINER_KILL_FAILED);
	assert_non_null(strstr(scene.err.text, "no luck"));
	end_failing(&scene, &backend);
}

static void a_runtime_that_cannot_execute_is_quoted(void **state)
{
	struct scene_backend backend;
	struct scene scene;

	init_failing(&scene, &backend, "exec");
	scene_start(&scene);

	const struct monitor_exec_options options = { .process_json = "{}",
						      .run_dirfd = scene.run_dirfd,
						      .run_dir = scene.run_dir };

	assert_int_equal(monitor_exec(scene.monitor, &options, &scene.err), -1);
	assert_int_equal(scene.err.code, LXCRI_E_EXEC_FAILED);
	assert_non_null(strstr(scene.err.text, "no luck"));
	end_failing(&scene, &backend);
}

static void a_runtime_that_is_not_there_is_told(void **state)
{
	static const struct scene_backend backend = { LXCRI_RUNC, "/nonexistent/runtime" };
	struct scene scene;

	scene_init(&scene, &(void *){ (void *)&backend }, "true");
	assert_int_equal(scene_launch(&scene), -1);
	assert_int_equal(scene.err.code, LXCRI_E_RUNTIME_NOT_FOUND);
	assert_non_null(strstr(scene.err.text, "/nonexistent/runtime"));
	scene_finish(&scene);
}

static const struct scene_backend crun = { LXCRI_CRUN, NULL };

static void a_hook_that_fails_fails_the_start(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "true");

	autofree char *spec = scene_read(&scene, "bundle/config.json");
	autofree char *hooked =
		xformat("{\"hooks\":{\"startContainer\":[{\"path\":\"/bin/sh\",\"args\":"
			"[\"sh\",\"-c\",\"exit 3\"]}]},%s",
			spec + 1);

	host_write(scene.options.bundle, "config.json", hooked);
	scene_create(&scene);
	assert_int_equal(monitor_begin(scene.monitor, &scene.err), -1);
	assert_int_equal(scene.err.code, LXCRI_E_CONTAINER_START_FAILED);
	assert_true(scene_wait(&scene) != 0);
	scene_finish(&scene);
}

static void a_file_that_no_kernel_executes_fails_the_start_with_126(void **state)
{
	const char *const args[] = { "/dull", NULL };
	struct scene scene;

	scene_init_args(&scene, *state, args, "");

	autofree char *rootfs = xformat("%s/bundle/rootfs", scene.dir);

	host_write(rootfs, "dull", "no program");
	scene_create(&scene);
	assert_int_equal(monitor_begin(scene.monitor, &scene.err), -1);
	assert_int_equal(scene.err.code, LXCRI_E_COMMAND_NOT_EXECUTABLE);
	assert_int_equal(scene_wait(&scene), 126);
	scene_finish(&scene);
}

static void a_script_without_its_interpreter_fails_the_start_with_127(void **state)
{
	const char *const args[] = { "/script", NULL };
	struct scene scene;

	scene_init_args(&scene, *state, args, "");

	autofree char *rootfs = xformat("%s/bundle/rootfs", scene.dir);

	host_write(rootfs, "script", "#!/no/such/interpreter\n");
	scene_create(&scene);
	assert_int_equal(monitor_begin(scene.monitor, &scene.err), -1);
	assert_int_equal(scene.err.code, LXCRI_E_COMMAND_NOT_FOUND);
	assert_int_equal(scene_wait(&scene), 127);
	scene_finish(&scene);
}

static void a_monitor_that_cannot_be_started_is_told(void **state)
{
	autofree char *endless = xcalloc(1, 256u << 10); /* longer than an argument may be */
	struct scene scene;

	scene_init(&scene, state, "true");
	memset(endless, 'x', (256u << 10) - 1);
	scene.options.console_socket = endless;
	assert_int_equal(scene_launch(&scene), -1);
	assert_int_equal(scene.err.code, LXCRI_E_RUNTIME_INIT_FAILED);
	scene_finish(&scene);
}

static void a_layer_that_is_not_there_is_told(void **state)
{
	struct mount_root rootfs = {};
	struct scene scene;

	scene_init(&scene, state, "true");

	autofree char *target = xformat("%s/bundle/rootfs", scene.dir);

	rootfs.target = target;
	strings_add(&rootfs.lowers, "/nonexistent/layer");
	scene.options.rootfs = &rootfs;
	assert_int_equal(scene_launch(&scene), -1);
	assert_int_equal(scene.err.code, LXCRI_E_MOUNT_FAILED);
	strings_finish(&rootfs.lowers);
	scene_finish(&scene);
}

static void a_log_that_cannot_be_opened_is_told(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "true");
	scene.options.log_path = "/nonexistent/log";
	assert_int_equal(scene_launch(&scene), -1);
	assert_int_equal(scene.err.code, LXCRI_E_CONTAINER_CREATE_FAILED);
	assert_int_equal(scene.err.errnum, ENOENT);
	scene_finish(&scene);
}

#define ON_CRUN(test)                                  \
	{                                              \
#test, test, NULL, NULL, (void *)&crun \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_runtime_that_cannot_start_is_quoted),
		cmocka_unit_test(a_runtime_that_cannot_kill_is_quoted),
		cmocka_unit_test(a_runtime_that_cannot_execute_is_quoted),
		cmocka_unit_test(a_runtime_that_is_not_there_is_told),
		ON_CRUN(a_hook_that_fails_fails_the_start),
		ON_CRUN(a_file_that_no_kernel_executes_fails_the_start_with_126),
		ON_CRUN(a_script_without_its_interpreter_fails_the_start_with_127),
		ON_CRUN(a_monitor_that_cannot_be_started_is_told),
		ON_CRUN(a_layer_that_is_not_there_is_told),
		ON_CRUN(a_log_that_cannot_be_opened_is_told),
	};

	if (geteuid() != 0) {
		puts("1..0 # skip: containers need root");
		return 77;
	}
	host_find_helper("lxcri-monitor");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
