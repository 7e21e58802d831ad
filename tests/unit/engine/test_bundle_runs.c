/* SPDX-License-Identifier: MIT */
/* The bundle as runc and crun see it: a busybox image is given to the programs themselves, and what
 * the process inside finds is compared with what was asked for. */
#include "engine/bundle.h"
#include "engine/bundle/seccomp_annotation.h"
#include "tree.h"

#include <stdio.h>
#include <sys/wait.h>

static const char image[] =
	"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
	"\"diff_ids\":[]},\"config\":{\"Entrypoint\":[\"/bin/sh\",\"-c\"],\"User\":\"app\","
	"\"WorkingDir\":\"/made/here\",\"Env\":[\"A=1\"]}}";

#define OUTPUT_BYTES_MAX 8192

enum { RUNC, CRUN, N_RUNTIMES };

/* Returns the shell's line that runs @bundle, owned by the caller. On a host that mounts cgroups
 * hybrid, crun goes by the unified part and finds no controllers: it is given an empty one in a
 * mount namespace of its own. */
static char *command_line(size_t runtime, const char *bundle, const char *id)
{
	if (runtime == RUNC)
		return xformat("runc run -b %s %s 2>&1 </dev/null", bundle, id);
	return xformat("unshare -m sh -c '[ ! -d /sys/fs/cgroup/unified ] || "
		       "mount -t tmpfs none /sys/fs/cgroup/unified; "
		       "exec crun run -b %s %s' 2>&1 </dev/null",
		       bundle, id);
}

struct fixture {
	struct tree tree;
	struct strings layers;
	struct lxcri_create_options options;
	char id[32];
	char *output;
	int code;
};

static void fixture_init(struct fixture *fixture)
{
	static const char *const links[] = { "sh",       "id",      "cat",  "mount",
					     "hostname", "unshare", "stat", "grep",
					     "touch",    "ls",      "sleep" };

	*fixture = (struct fixture){};
	tree_init(&fixture->tree);
	tree_layer(&fixture->tree, "rootfs", &fixture->layers);
	tree_file(&fixture->tree, "rootfs/etc/passwd",
		  "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n");
	tree_file(&fixture->tree, "rootfs/etc/group", "media:x:44:app\nwheel:x:10:root\n");
	tree_dir(&fixture->tree, "rootfs/bin");

	autofree char *busybox = NULL;
	size_t size;

	assert_int_equal(file_read(AT_FDCWD, test_busybox(), 16 << 20, &busybox, &size), 0);
	tree_bytes(&fixture->tree, "rootfs/bin/busybox", busybox, size);
	assert_int_equal(fchmodat(fixture->tree.fd, "rootfs/bin/busybox", 0755, 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		autofree char *name = xformat("rootfs/bin/%s", links[i]);

		tree_link(&fixture->tree, name, "busybox");
	}
	(void)snprintf(fixture->id, sizeof(fixture->id), "lxcri-test-%d", (int)getpid());
	fixture->options = (struct lxcri_create_options){ .id = fixture->id, .image = "demo" };
}

static void fixture_finish(struct fixture *fixture)
{
	free(fixture->output);
	strings_finish(&fixture->layers);
	tree_finish(&fixture->tree);
}

/* The build directory is two above the tests, where the engine does not look; and a cgroup's parent
 * would stay behind when the runtime removes the cgroup. */
static void adapt(struct json_object *spec, const char *id)
{
	struct json_object *mounts = json_get(spec, "mounts");
	autofree char *init = realpath("/proc/self/exe", NULL);

	json_set_text(json_get(spec, "linux"), "cgroupsPath", id);
	for (int i = 0; i < 3; i++)
		*strrchr(init, '/') = '\0';

	autofree char *path = xformat("%s/lxcri-init", init);

	for (size_t i = 0; i < json_object_array_length(mounts); i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);

		if (strcmp(json_get_text(mount, "destination"), "/dev/.lxcri-init") == 0)
			json_set_text(mount, "source", path);
	}
}

/* Runs @script in a container on @runtime; output and exit code are kept. */
static void run(struct fixture *fixture, size_t runtime, const char *script)
{
	autorun(bundle_finish) struct bundle bundle = {};
	const char *const command[] = { script, NULL };
	autofree char *line = command_line(runtime, fixture->tree.path, fixture->id);
	autofree char *cgroup = xformat("/%s", fixture->id);
	const struct record_ids ids = {};
	struct lxcri_error err = {};

	fixture->options.command = command;
	if (bundle_build(image, &fixture->options, &fixture->layers, &ids, &bundle, &err) < 0)
		fail_msg("%s", err.text);
	if (runtime == CRUN)
		assert_int_equal(seccomp_annotate(fixture->tree.path, bundle.spec, &err), 0);
	adapt(bundle.spec, cgroup);

	autofree char *config = json_format(bundle.spec);

	tree_file(&fixture->tree, "config.json", config);

	FILE *pipe = popen(line, "re");

	assert_non_null(pipe);
	free(fixture->output);
	fixture->output = xcalloc(1, OUTPUT_BYTES_MAX);

	size_t got = fread(fixture->output, 1, OUTPUT_BYTES_MAX - 1, pipe);

	fixture->output[got] = '\0';
	fixture->code = WEXITSTATUS(pclose(pipe));
}

static void assert_says(const struct fixture *fixture, const char *expected)
{
	if (!strstr(fixture->output, expected))
		fail_msg("\"%s\" is not in:\n%s", expected, fixture->output);
}

static void the_process_is_who_and_where_it_should_be(void **state)
{
	for (size_t i = 0; i < N_RUNTIMES; i++) {
		autorun(fixture_finish) struct fixture fixture;

		fixture_init(&fixture);
		run(&fixture, i,
		    "id; hostname; echo $PWD $HOME $A $PATH; grep -E 'Cap|^Seccomp:|NoNew' "
		    "/proc/self/status; exit 7");
		assert_says(&fixture, "uid=1000(app) gid=1001");
		assert_says(&fixture, "44(media)");
		assert_says(&fixture, fixture.id);
		assert_says(&fixture, "/made/here /home/app 1 /usr/local/sbin:");
		assert_says(&fixture, "CapEff:\t0000000000000000");
		assert_says(&fixture, "CapInh:\t0000000000000000");
		assert_says(&fixture, "CapBnd:\t00000000a80425fb");
		assert_says(&fixture, "NoNewPrivs:\t0");
		assert_says(&fixture, "Seccomp:\t2");
		assert_int_equal(fixture.code, 7);
	}
}

static void what_is_forbidden_does_not_work(void **state)
{
	static const char *const drop[] = { "NET_RAW", NULL };

	for (size_t i = 0; i < N_RUNTIMES; i++) {
		autorun(fixture_finish) struct fixture fixture;

		fixture_init(&fixture);
		fixture.options.user = "root";
		fixture.options.read_only = true;
		fixture.options.cap_drop = drop;
		run(&fixture, i,
		    "id -G; grep CapEff /proc/self/status; mount -t tmpfs x /tmp && echo MOUNTED;"
		    "unshare -m true && echo UNSHARED; touch /x && echo WRITTEN;"
		    "touch /sys/x && echo SYS; echo 1 > /proc/sys/kernel/sysrq && echo SYSRQ;"
		    "cat /proc/keys; touch /dev/shm/x && echo shm works");
		assert_says(&fixture, "0 10");
		assert_says(&fixture, "CapEff:\t00000000a80405fb");
		assert_says(&fixture, "shm works");
		assert_null(strstr(fixture.output, "MOUNTED"));
		assert_null(strstr(fixture.output, "UNSHARED"));
		assert_null(strstr(fixture.output, "WRITTEN"));
		assert_null(strstr(fixture.output, "SYS"));
		assert_null(strstr(fixture.output, "keyring"));
	}
}

static void volumes_tmpfs_devices_and_limits_arrive(void **state)
{
	static const struct lxcri_device device = { .host_path = "/dev/full",
						    .container_path = "/dev/mine" };
	static const struct lxcri_rlimit limit = { "nofile", 99, 99 };
	static const char *const tmpfs[] = { "/scratch:size=1m", NULL };

	for (size_t i = 0; i < N_RUNTIMES; i++) {
		autorun(fixture_finish) struct fixture fixture;
		const struct lxcri_volume volume = { .source = fixture.tree.path,
						     .destination = "/host/tree",
						     .options = "ro" };

		fixture_init(&fixture);
		tree_file(&fixture.tree, "hello", "from the host\n");
		fixture.options.volumes = &volume;
		fixture.options.n_volumes = 1;
		fixture.options.tmpfs = tmpfs;
		fixture.options.devices = &device;
		fixture.options.n_devices = 1;
		fixture.options.rlimits = &limit;
		fixture.options.n_rlimits = 1;
		fixture.options.user = "0";
		run(&fixture, i,
		    "cat /host/tree/hello; touch /host/tree/x && echo WRITTEN;"
		    "stat -c '%t:%T' /dev/mine; echo x > /dev/mine; ulimit -n;"
		    "grep ' /scratch ' /proc/mounts");
		assert_says(&fixture, "from the host");
		assert_null(strstr(fixture.output, "WRITTEN"));
		assert_says(&fixture, "1:7");
		assert_says(&fixture, "No space left");
		assert_says(&fixture, "99\n");
		assert_says(&fixture, "size=1024k");
		assert_says(&fixture, "noexec");
	}
}

static void the_small_init_is_first_reaps_and_returns_the_code(void **state)
{
	for (size_t i = 0; i < N_RUNTIMES; i++) {
		autorun(fixture_finish) struct fixture fixture;

		fixture_init(&fixture);
		fixture.options.init = true;
		/* The inner shell's child outlives it, becomes the init's and must not stay behind
		 * as a zombie. SIGTERM sent to the init reaches the program. */
		run(&fixture, i,
		    "cat /proc/1/comm; sh -c 'sleep 0.1 & :'; sleep 0.5;"
		    "grep -l '^State:.Z' /proc/[0-9]*/status && echo ZOMBIE;"
		    "trap 'echo told; exit 9' TERM; kill -TERM 1; sleep 5 & wait; exit 1");
		assert_says(&fixture, "lxcri-init");
		assert_says(&fixture, "told");
		assert_null(strstr(fixture.output, "ZOMBIE"));
		assert_int_equal(fixture.code, 9);
	}
}

static int prepare(void **state)
{
	if (geteuid() != 0) {
		print_message("skipped: containers need root\n");
		skip();
	}
	assert_int_equal(access(test_busybox(), X_OK), 0);
	assert_int_equal(system("command -v runc crun >/dev/null"), 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_process_is_who_and_where_it_should_be, prepare),
		cmocka_unit_test_setup(what_is_forbidden_does_not_work, prepare),
		cmocka_unit_test_setup(volumes_tmpfs_devices_and_limits_arrive, prepare),
		cmocka_unit_test_setup(the_small_init_is_first_reaps_and_returns_the_code, prepare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
