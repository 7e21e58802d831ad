/* SPDX-License-Identifier: MIT */
/* Limits as control files of cgroups, in a tree of plain files that stands for the kernel's. */

#include "runtime/limits/limits.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/path.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A host: its hierarchies, and the one container's cgroups. */
struct scene {
	char root[64];
	struct cgroup_host host;
	struct strings cgroups;
};

static void write_file(const struct scene *scene, const char *path, const char *text)
{
	autofree char *full = xformat("%s/%s", scene->root, path);
	autofree char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));

	assert_int_equal(path_make_dirs(dir, 0755), 0);

	autoclose int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static char *read_back(const struct scene *scene, const char *path)
{
	autofree char *full = xformat("%s/%s", scene->root, path);
	char *text = NULL;
	size_t size;

	assert_int_equal(file_read(AT_FDCWD, full, 4096, &text, &size), 0);
	return text;
}

static void assert_file(const struct scene *scene, const char *path, const char *expected)
{
	autofree char *text = read_back(scene, path);

	/* A plain file keeps what was longer; the kernel would not. */
	assert_memory_equal(text, expected, strlen(expected));
}

static void scene_init(struct scene *scene, bool unified)
{
	*scene = (struct scene){ .root = "/tmp/test-limits.XXXXXX" };
	assert_non_null(mkdtemp(scene->root));
	scene->host = (struct cgroup_host){ .root = scene->root, .unified = unified };
	if (unified) {
		write_file(scene, "cgroup.controllers", "cpuset cpu io memory hugetlb pids\n");
		write_file(scene, "c/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n");
		strings_addf(&scene->cgroups, "%s/c", scene->root);
		return;
	}
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "memory", "cpu", "pids", "blkio" };
		autofree char *mark = xformat("%s/c/cgroup.procs", names[i]);

		write_file(scene, mark, "");
		strings_addf(&scene->cgroups, "%s/%s/c", scene->root, names[i]);
	}
	write_file(scene, "unified/cgroup.controllers", "hugetlb\n");
}

static void scene_finish(struct scene *scene)
{
	assert_int_equal(path_remove_tree(AT_FDCWD, scene->root), 0);
	strings_finish(&scene->cgroups);
}

static int plan(const struct cgroup_host *host, const char *json, struct limits *ret,
		struct lxcri_error *err)
{
	autojson object = NULL;
	struct spec_pool pool = {};

	assert_int_equal(json_parse(json, strlen(json), &json_limits_spec, &object, err), 0);

	int r = limits_plan(spec_resources_read(&pool, object), host, ret, err);

	spec_pool_finish(&pool);
	return r;
}

static void assert_plan(const struct scene *scene, const char *json, const char *expected)
{
	struct lxcri_error err = {};
	struct limits limits;
	struct text text = {};

	assert_int_equal(plan(&scene->host, json, &limits, &err), 0);
	for (size_t i = 0; i < limits.count; i++)
		text_addf(&text, "%s=%s;", limits.items[i].file, limits.items[i].value);

	autofree char *found = text_steal(&text);

	assert_string_equal(found, expected);
	limits_finish(&limits);
}

static void assert_refused(const struct scene *scene, const char *json, enum lxcri_code code,
			   const char *word)
{
	struct lxcri_error err = {};
	struct limits limits;

	assert_int_equal(plan(&scene->host, json, &limits, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.text, word))
		fail_msg("no \"%s\" in \"%s\"", word, err.text);
	limits_finish(&limits);
}

static void limits_are_converted_to_version_2(void **state)
{
	struct scene scene;

	scene_init(&scene, true);
	assert_plan(&scene, "{\"memory\":{\"limit\":100,\"swap\":150,\"reservation\":50}}",
		    "memory.max=100;memory.swap.max=50;memory.low=50;");
	assert_plan(&scene, "{\"memory\":{\"limit\":-1,\"swap\":-1,\"reservation\":-1}}",
		    "memory.max=max;memory.swap.max=max;memory.low=0;");
	assert_plan(&scene, "{\"memory\":{\"limit\":100,\"swap\":100}}",
		    "memory.max=100;memory.swap.max=0;");
	assert_plan(&scene, "{\"cpu\":{\"shares\":1024,\"quota\":20000}}",
		    "cpu.weight=39;cpu.max=20000 100000;");
	assert_plan(&scene, "{\"cpu\":{\"shares\":2,\"period\":5000}}",
		    "cpu.weight=1;cpu.max=max 5000;");
	assert_plan(&scene, "{\"cpu\":{\"shares\":262144}}", "cpu.weight=10000;");
	assert_plan(&scene, "{\"pids\":{\"limit\":5},\"unified\":{\"pids.max\":\"7\"}}",
		    "pids.max=5;pids.max=7;");
	assert_plan(&scene,
		    "{\"blockIO\":{\"weight\":1000,\"throttleReadBpsDevice\":[{\"major\":8,"
		    "\"minor\":0,\"rate\":0}],\"throttleWriteIOPSDevice\":[{\"major\":8,"
		    "\"minor\":0,\"rate\":9}]}}",
		    "io.weight=10000;io.max=8:0 rbps=max;io.max=8:0 wiops=9;");
	assert_plan(&scene, "{\"unified\":{\"io.max\":\"8:0 rbps=1\\n8:16 rbps=2\"}}",
		    "io.max=8:0 rbps=1;io.max=8:16 rbps=2;");
	scene_finish(&scene);
}

static void version_1_counts_swap_with_the_memory(void **state)
{
	struct scene scene;

	scene_init(&scene, false);
	assert_plan(&scene, "{\"memory\":{\"limit\":100,\"swap\":150,\"swappiness\":0}}",
		    "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=150;"
		    "memory.swappiness=0;");
	assert_plan(&scene, "{\"cpu\":{\"shares\":7,\"quota\":-1,\"period\":5000}}",
		    "cpu.shares=7;cpu.cfs_period_us=5000;cpu.cfs_quota_us=-1;");
	assert_plan(&scene, "{\"pids\":{\"limit\":-1}}", "pids.max=max;");
	scene_finish(&scene);
}

static void what_a_version_cannot_do_is_refused_by_its_name(void **state)
{
	struct scene v2;
	struct scene hybrid;

	scene_init(&v2, true);
	scene_init(&hybrid, false);
	assert_refused(&v2, "{\"memory\":{\"swappiness\":5}}", LXCRI_E_UNSUPPORTED_OPERATION,
		       "memory.swappiness");
	assert_refused(&v2, "{\"memory\":{\"disableOOMKiller\":true}}",
		       LXCRI_E_UNSUPPORTED_OPERATION, "memory.disableOOMKiller");
	assert_refused(&v2, "{\"cpu\":{\"realtimeRuntime\":5}}", LXCRI_E_UNSUPPORTED_OPERATION,
		       "cpu.realtimeRuntime");
	assert_refused(&v2, "{\"network\":{\"classID\":5}}", LXCRI_E_UNSUPPORTED_OPERATION,
		       "net_cls");
	assert_refused(&v2, "{\"rdma\":{\"mlx\":{\"hcaHandles\":5}}}",
		       LXCRI_E_UNSUPPORTED_OPERATION, "cgroup.controllers");
	assert_refused(&hybrid, "{\"cpu\":{\"cpus\":\"0\"}}", LXCRI_E_UNSUPPORTED_OPERATION,
		       "/sys/fs/cgroup/cpuset");
	assert_refused(&hybrid, "{\"unified\":{\"memory.high\":\"5\"}}",
		       LXCRI_E_UNSUPPORTED_OPERATION, "memory.high");
	assert_refused(&hybrid, "{\"memory\":{\"kernel\":5}}", LXCRI_E_UNSUPPORTED_OPERATION,
		       "memory.kernel");
	scene_finish(&v2);
	scene_finish(&hybrid);
}

static void the_version_2_part_of_a_hybrid_host_is_used_where_the_runtime_can(void **state)
{
	const char *json = "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":5}]}";
	struct scene scene;

	scene_init(&scene, false);
	assert_plan(&scene, json, "hugetlb.2MB.max=5;");
	scene.host.without_unified = true;
	assert_refused(&scene, json, LXCRI_E_UNSUPPORTED_OPERATION, "runtime lxc");
	scene_finish(&scene);
}

static void less_swap_than_memory_is_refused(void **state)
{
	struct scene scene;

	scene_init(&scene, true);
	assert_refused(&scene, "{\"memory\":{\"limit\":100,\"swap\":50}}", LXCRI_E_INVALID_SPEC,
		       "memory.swap");
	assert_refused(&scene, "{\"memory\":{\"swap\":50}}", LXCRI_E_INVALID_SPEC, "memory.limit");
	assert_refused(&scene, "{\"hugepageLimits\":[{\"pageSize\":\"../x\",\"limit\":5}]}",
		       LXCRI_E_INVALID_SPEC, "pageSize");
	scene_finish(&scene);
}

static int apply(const struct scene *scene, const char *json, struct lxcri_error *err)
{
	struct limits limits;

	assert_int_equal(plan(&scene->host, json, &limits, err), 0);

	int r = limits_apply(&limits, &scene->host, &scene->cgroups, err);

	limits_finish(&limits);
	return r;
}

static void one_limit_that_fails_puts_the_others_back(void **state)
{
	struct lxcri_error err = {};
	struct scene scene;

	scene_init(&scene, true);
	write_file(&scene, "c/memory.max", "1000\n");
	write_file(&scene, "c/cpu.weight", "20\n");
	write_file(&scene, "c/io.max", "8:16 rbps=5 wbps=max riops=max wiops=max\n");
	/* There is no pids.max. */
	assert_int_equal(apply(&scene,
			       "{\"memory\":{\"limit\":2000},\"cpu\":{\"shares\":4},\"blockIO\":{"
			       "\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":16,\"rate\":7}]"
			       "},\"pids\":{\"limit\":9}}",
			       &err),
			 -1);
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	assert_non_null(strstr(err.text, "linux.resources.pids.limit"));
	assert_file(&scene, "c/memory.max", "1000");
	assert_file(&scene, "c/cpu.weight", "20");
	assert_file(&scene, "c/io.max", "8:16 rbps=5");
	scene_finish(&scene);
}

static void limits_reach_the_cgroup_of_their_controller(void **state)
{
	struct lxcri_error err = {};
	struct scene scene;

	scene_init(&scene, false);
	write_file(&scene, "memory/c/memory.limit_in_bytes", "9223372036854771712\n");
	write_file(&scene, "memory/c/memory.memsw.limit_in_bytes", "9223372036854771712\n");
	write_file(&scene, "pids/c/pids.max", "max\n");
	assert_int_equal(apply(&scene,
			       "{\"memory\":{\"limit\":4096,\"swap\":8192},"
			       "\"pids\":{\"limit\":31}}",
			       &err),
			 0);
	assert_file(&scene, "memory/c/memory.limit_in_bytes", "4096");
	assert_file(&scene, "memory/c/memory.memsw.limit_in_bytes", "8192");
	assert_file(&scene, "pids/c/pids.max", "31");
	scene_finish(&scene);
}

static void less_memory_than_is_in_use_can_be_refused(void **state)
{
	struct lxcri_error err = {};
	struct scene scene;

	scene_init(&scene, true);
	write_file(&scene, "c/memory.max", "max\n");
	write_file(&scene, "c/memory.current", "5000\n");
	assert_int_equal(
		apply(&scene, "{\"memory\":{\"limit\":4000,\"checkBeforeUpdate\":true}}", &err),
		-1);
	assert_int_equal(err.code, LXCRI_E_INVALID_STATE);
	assert_file(&scene, "c/memory.max", "max");
	scene_finish(&scene);
}

static void assert_property(const struct scene *scene, const char *json, const char *expected)
{
	autorun(strings_finish) struct strings properties = {};
	autorun(limits_finish) struct limits limits = {};
	struct lxcri_error err = {};

	assert_int_equal(plan(&scene->host, json, &limits, &err), 0);
	limits_properties(&limits, &properties);
	if (!strings_has(&properties, expected))
		fail_msg("no property %s", expected);
}

static void a_scope_is_never_narrower_than_what_is_inside(void **state)
{
	struct scene scene;

	scene_init(&scene, true);
	assert_property(&scene, "{\"memory\":{\"limit\":1073741824}}", "MemoryMax=1107296256");
	assert_property(&scene, "{\"unified\":{\"memory.max\":\"1G\"}}", "MemoryMax=1107296256");
	assert_property(&scene, "{\"unified\":{\"memory.max\":\"1P\"}}",
			"MemoryMax=18446744073709551615");
	assert_property(&scene, "{\"memory\":{\"limit\":-1}}", "MemoryMax=18446744073709551615");
	assert_property(&scene, "{\"cpu\":{\"quota\":50000}}", "CPUQuotaPerSecUSec=500000");
	assert_property(&scene, "{\"cpu\":{\"quota\":9000000000000000000}}",
			"CPUQuotaPerSecUSec=18446744073709551615");
	assert_property(&scene, "{\"unified\":{\"cpu.max\":\"max 100000\"}}",
			"CPUQuotaPerSecUSec=18446744073709551615");
	scene_finish(&scene);
}

static void a_scope_is_as_idle_as_what_is_inside(void **state)
{
	struct scene scene;

	scene_init(&scene, true);
	assert_property(&scene, "{\"cpu\":{\"shares\":1024,\"idle\":1}}", "CPUWeight=0");
	assert_property(&scene, "{\"unified\":{\"cpu.idle\":\"1\",\"cpu.weight\":\"5\"}}",
			"CPUWeight=0");
	assert_property(&scene, "{\"cpu\":{\"shares\":1024,\"idle\":0}}", "CPUWeight=39");
	scene_finish(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_converted_to_version_2),
		cmocka_unit_test(version_1_counts_swap_with_the_memory),
		cmocka_unit_test(what_a_version_cannot_do_is_refused_by_its_name),
		cmocka_unit_test(the_version_2_part_of_a_hybrid_host_is_used_where_the_runtime_can),
		cmocka_unit_test(less_swap_than_memory_is_refused),
		cmocka_unit_test(one_limit_that_fails_puts_the_others_back),
		cmocka_unit_test(limits_reach_the_cgroup_of_their_controller),
		cmocka_unit_test(less_memory_than_is_in_use_can_be_refused),
		cmocka_unit_test(a_scope_is_never_narrower_than_what_is_inside),
		cmocka_unit_test(a_scope_is_as_idle_as_what_is_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
