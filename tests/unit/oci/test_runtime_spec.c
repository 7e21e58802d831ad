/* SPDX-License-Identifier: MIT */
#include "oci/runtime_spec.h"
#include "oci/spec_validate.h"
#include "os/file.h"
#include "test.h"

#include <fcntl.h>
#include <string.h>

#define MINIMAL "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"rootfs\"}}"

static struct runtime_spec *parse(const char *text)
{
	struct runtime_spec *spec = NULL;
	struct lxcri_error err = {};

	if (runtime_spec_parse(text, strlen(text), &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

/* Parses the specification that uses every field. */
static struct runtime_spec *parse_full(void)
{
	autofree char *text = NULL;
	size_t size;

	assert_int_equal(file_read(AT_FDCWD, FULL_SPEC, 1 << 20, &text, &size), 0);
	return parse(text);
}

static void a_minimal_specification_has_only_a_root(void **state)
{
	autoptr(runtime_spec) spec = parse(MINIMAL);

	assert_string_equal(spec->oci_version, "1.0.0");
	assert_string_equal(spec->root->path, "rootfs");
	assert_false(spec->root->readonly);
	assert_null(spec->process);
	assert_null(spec->linux_);
	assert_null(spec->hostname);
	assert_int_equal(spec->n_mounts, 0);
	assert_int_equal(spec->hooks[SPEC_HOOK_POSTSTOP].count, 0);
	assert_null(spec_linux_namespace(spec->linux_, "pid"));
	assert_int_equal(spec->annotations.count, 0);
}

static void empty_objects_are_not_absent_ones(void **state)
{
	autoptr(runtime_spec) spec = parse(
		"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"hooks\":{},\"mounts\":[],"
		"\"annotations\":{},\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"env\":[],"
		"\"capabilities\":{}},\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_LOG\"},"
		"\"maskedPaths\":[],\"resources\":{\"memory\":{},\"pids\":{}}}}");

	assert_non_null(spec->process->env.items);
	assert_int_equal(spec->process->env.count, 0);
	assert_non_null(spec->process->capabilities);
	assert_null(spec->process->capabilities->bounding.items);
	assert_int_equal(spec->process->user.uid, 0);
	assert_false(spec->process->oom_score_adj.set);
	assert_non_null(spec->linux_->masked_paths.items);
	assert_null(spec->linux_->readonly_paths.items);
	assert_non_null(spec->linux_->resources->memory);
	assert_false(spec->linux_->resources->memory->limit.set);
	assert_false(spec->linux_->resources->pids_limit.set);
	assert_null(spec->linux_->resources->cpu);
	assert_int_equal(spec->linux_->seccomp->n_syscalls, 0);
}

static void the_process_is_read(void **state)
{
	autoptr(runtime_spec) spec = parse_full();
	const struct spec_process *process = spec->process;

	assert_true(process->terminal);
	assert_int_equal(process->console_height, 25);
	assert_int_equal(process->console_width, 80);
	assert_int_equal(process->user.uid, 1000);
	assert_true(process->user.umask.set);
	assert_int_equal(process->user.umask.value, 18);
	assert_int_equal(process->user.n_additional_gids, 2);
	assert_int_equal(process->user.additional_gids[1], 6);
	assert_string_equal(process->cwd, "/srv");
	assert_int_equal(process->args.count, 3);
	assert_string_equal(process->args.items[2], "echo hello");
	assert_null(process->args.items[3]);
	assert_string_equal(process->env.items[1], "CERT=line one\nline two");
	assert_string_equal(process->capabilities->ambient.items[1], "CAP_NET_BIND_SERVICE");
	assert_int_equal(process->n_rlimits, 2);
	assert_string_equal(process->rlimits[1].type, "RLIMIT_CORE");
	assert_true(process->rlimits[1].hard == UINT64_MAX);
	assert_true(process->no_new_privileges);
	assert_string_equal(process->apparmor_profile, "acme");
	assert_int_equal(strncmp(process->selinux_label, "system_u:", 9), 0);
	assert_int_equal(process->oom_score_adj.value, -500);
	assert_string_equal(process->scheduler->policy, "SCHED_DEADLINE");
	assert_int_equal(process->scheduler->nice.value, -5);
	assert_int_equal(process->scheduler->period.value, 30);
	assert_string_equal(process->io_priority->class_name, "IOPRIO_CLASS_BE");
	assert_int_equal(process->io_priority->priority, 4);
	assert_string_equal(process->cpu_affinity_initial, "0-1");
	assert_string_equal(process->cpu_affinity_final, "0");
}

static void mounts_hooks_and_annotations_are_read(void **state)
{
	static const char *const stages[SPEC_HOOK_STAGES] = {
		"prestart",       "createRuntime", "createContainer",
		"startContainer", "poststart",     "poststop",
	};
	autoptr(runtime_spec) spec = parse_full();

	assert_true(spec->root->readonly);
	assert_string_equal(spec->hostname, "web-0");
	assert_string_equal(spec->domainname, "example.org");
	assert_int_equal(spec->n_mounts, 2);
	assert_null(spec->mounts[0].options.items);
	assert_string_equal(spec->mounts[1].destination, "/data");
	assert_string_equal(spec->mounts[1].type, "bind");
	assert_string_equal(spec->mounts[1].source, "/srv/data");
	assert_string_equal(spec->mounts[1].options.items[1], "rw");
	assert_int_equal(spec->mounts[1].n_uid_mappings, 1);
	assert_int_equal(spec->mounts[1].gid_mappings[0].host_id, 100000);
	for (size_t i = 0; i < SPEC_HOOK_STAGES; i++) {
		assert_int_equal(spec->hooks[i].count, 1);
		assert_string_equal(spec->hooks[i].items[0].path, "/usr/bin/hook");
		assert_string_equal(spec->hooks[i].items[0].args.items[1], stages[i]);
		assert_string_equal(spec->hooks[i].items[0].env.items[0], "A=b");
		assert_int_equal(spec->hooks[i].items[0].timeout_seconds, 5);
	}
	assert_int_equal(spec->annotations.count, 2);
	assert_string_equal(spec->annotations.items[0].key, "org.example/a b");
	assert_string_equal(spec->annotations.items[0].value, "line\nline");
	assert_string_equal(spec->annotations.items[1].key, "plain");
	assert_string_equal(spec->annotations.items[1].value, "");
}

static void the_linux_part_is_read(void **state)
{
	autoptr(runtime_spec) spec = parse_full();
	const struct spec_linux *part = spec->linux_;

	assert_int_equal(part->n_namespaces, 8);
	assert_string_equal(spec_linux_namespace(part, "network")->path, "/run/netns/a");
	assert_null(spec_linux_namespace(part, "pid")->path);
	assert_int_equal(part->n_uid_mappings, 1);
	assert_int_equal(part->gid_mappings[0].size, 65536);
	assert_int_equal(part->n_devices, 2);
	assert_int_equal(part->devices[0].minor, 229);
	assert_int_equal(part->devices[0].file_mode.value, 438);
	assert_string_equal(part->devices[1].type, "p");
	assert_false(part->devices[1].uid.set);
	assert_string_equal(part->cgroups_path, "/pods/web-0");
	assert_string_equal(part->sysctl.items[0].key, "net.core.somaxconn");
	assert_string_equal(part->masked_paths.items[0], "/proc/kcore");
	assert_string_equal(part->readonly_paths.items[0], "/proc/sys");
	assert_string_equal(part->rootfs_propagation, "slave");
	assert_int_equal(strncmp(part->mount_label, "system_u:", 9), 0);
	assert_string_equal(part->personality, "LINUX32");
	assert_int_equal(part->n_time_offsets, 2);
	assert_string_equal(part->time_offsets[0].clock, "monotonic");
	assert_int_equal(part->time_offsets[0].seconds, -5);
	assert_int_equal(part->time_offsets[0].nanoseconds, 17);
	assert_string_equal(part->net_devices[0].host_name, "eth7");
	assert_string_equal(part->net_devices[0].name, "eth0");
	assert_string_equal(part->memory_policy->nodes, "0-1");
	assert_string_equal(part->intel_rdt->schemata.items[1], "MB:0=20");
	assert_true(part->intel_rdt->enable_cmt && part->intel_rdt->enable_monitoring);
}

static void the_seccomp_filter_is_read(void **state)
{
	autoptr(runtime_spec) spec = parse_full();
	const struct spec_seccomp *seccomp = spec->linux_->seccomp;
	const struct spec_seccomp_rule *rule = &seccomp->syscalls[1];

	assert_string_equal(seccomp->default_action, "SCMP_ACT_ERRNO");
	assert_int_equal(seccomp->default_errno_ret.value, 38);
	assert_string_equal(seccomp->architectures.items[1], "SCMP_ARCH_X86");
	assert_string_equal(seccomp->flags.items[0], "SECCOMP_FILTER_FLAG_LOG");
	assert_string_equal(seccomp->listener_path, "/run/seccomp.sock");
	assert_string_equal(seccomp->listener_metadata, "opaque");
	assert_int_equal(seccomp->n_syscalls, 2);
	assert_string_equal(seccomp->syscalls[0].names.items[1], "chmod");
	assert_false(seccomp->syscalls[0].errno_ret.set);
	assert_int_equal(rule->errno_ret.value, 1);
	assert_int_equal(rule->n_args, 1);
	assert_true(rule->args[0].value == UINT64_MAX);
	assert_string_equal(rule->args[0].op, "SCMP_CMP_MASKED_EQ");
}

static void the_limits_are_read(void **state)
{
	autoptr(runtime_spec) spec = parse_full();
	const struct spec_resources *limits = spec->linux_->resources;

	assert_int_equal(limits->memory->limit.value, 536870912);
	assert_int_equal(limits->memory->reservation.value, -1);
	assert_int_equal(limits->memory->swappiness.value, 60);
	assert_true(limits->memory->use_hierarchy && limits->memory->check_before_update);
	assert_int_equal(limits->cpu->quota.value, 100000);
	assert_string_equal(limits->cpu->cpus, "0-3");
	assert_true(limits->cpu->idle.set);
	assert_int_equal(limits->pids_limit.value, 100);
	assert_int_equal(limits->block_io->weight_devices[0].leaf_weight.value, 300);
	assert_int_equal(limits->block_io->write_iops.items[0].rate, 600);
	assert_string_equal(limits->hugepage_limits[0].page_size, "2MB");
	assert_int_equal(limits->hugepage_limits[0].limit_bytes, 209715200);
	assert_int_equal(limits->n_devices, 2);
	assert_false(limits->devices[0].allow);
	assert_null(limits->devices[0].type);
	assert_false(limits->devices[0].major.set);
	assert_string_equal(limits->devices[1].access, "rw");
	assert_int_equal(limits->unified.count, 2);
	assert_string_equal(limits->unified.items[0].value, "400M");
	assert_int_equal(limits->network->class_id.value, 1048577);
	assert_string_equal(limits->network->priorities[0].name, "eth0");
	assert_string_equal(limits->rdma[0].device, "mlx5_1");
	assert_int_equal(limits->rdma[0].hca_objects.value, 10000);
}

static void formatting_loses_nothing(void **state)
{
	static const char text[] = "{\"x-new\":{\"deep\":[null,1.50,18446744073709551615,\"a/b\"]},"
				   "\"ociVersion\":\"1.9.0\",\"root\":{\"path\":\"r\",\"y\":true},"
				   "\"linux\":{\"later\":\"kept\"}}";
	autoptr(runtime_spec) spec = parse(text);
	autofree char *formatted = runtime_spec_format(spec);
	autoptr(runtime_spec) again = parse(formatted);
	autofree char *line = json_format_line(again->document);

	assert_string_equal(line, text);
}

static void the_first_fault_is_named_with_its_path(void **state)
{
	static const struct {
		const char *text;
		enum lxcri_code code;
		const char *message;
	} bad[] = {
		{ "nonsense", LXCRI_E_INVALID_JSON, "config.json: line 1, column 1: " },
		{ "[]", LXCRI_E_INVALID_SPEC, "config.json: must be an object" },
		{ "null", LXCRI_E_INVALID_SPEC, "config.json: must be an object" },
		{ "{\"root\":{\"path\":\"r\"}}", LXCRI_E_INVALID_SPEC,
		  "config.json: ociVersion: is required" },
		{ "{\"ociVersion\":\"2.0.0\",\"root\":{\"path\":\"r\"}}", LXCRI_E_INVALID_SPEC,
		  "config.json: ociVersion: must be a version 1.MINOR.PATCH" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"process\":"
		  "{\"cwd\":\"tmp\",\"args\":[\"a\"]}}",
		  LXCRI_E_INVALID_SPEC, "config.json: process.cwd: must be an absolute path" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"process\":"
		  "{\"cwd\":\"/\",\"args\":[]}}",
		  LXCRI_E_INVALID_SPEC, "config.json: process.args: must not be empty" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"hostname\":\"a\\nb\"}",
		  LXCRI_E_INVALID_SPEC, "config.json: hostname: must be one line" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"namespaces\":"
		  "[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"mnt\"}]}}",
		  LXCRI_E_INVALID_SPEC, "config.json: linux.namespaces[2].type: must be one of" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"namespaces\":"
		  "[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}",
		  LXCRI_E_INVALID_SPEC, "config.json: linux.namespaces[1].type: names a kind" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"resources\":"
		  "{\"cpu\":{\"shares\":1.0}}}}",
		  LXCRI_E_INVALID_SPEC, "config.json: linux.resources.cpu.shares: must be an int" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct runtime_spec *spec = NULL;
		struct lxcri_error err = {};

		assert_true(runtime_spec_parse(bad[i].text, strlen(bad[i].text), &spec, &err) < 0);
		if (err.code != bad[i].code ||
		    strncmp(err.text, bad[i].message, strlen(bad[i].message)) != 0)
			fail_msg("%s: %s: %s", bad[i].text, lxcri_code_name(err.code), err.text);
		assert_null(spec);
	}
}

static void a_part_can_be_validated_alone(void **state)
{
	struct lxcri_error err = {};
	autojson process = json_tokener_parse("{\"cwd\":\"/\",\"args\":[\"a\"]}");
	autojson odd = json_tokener_parse("{\"cwd\":\"/\",\"args\":[\"a\"],\"env\":[\"x\"]}");
	autojson limits = json_tokener_parse("{\"memory\":{\"limit\":-1}}");
	autojson wrong = json_tokener_parse("{\"memory\":{\"limit\":\"1g\"}}");
	autojson burst = json_tokener_parse("{\"cpu\":{\"quota\":1,\"burst\":2}}");

	assert_int_equal(spec_validate_process(process, &err), 0);
	assert_int_equal(spec_validate_resources(limits, &err), 0);
	assert_true(spec_validate_process(odd, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_SPEC);
	assert_string_equal(err.text, "process.env[0]: must be NAME=VALUE");
	assert_true(spec_validate_process(NULL, &err) < 0);
	assert_true(spec_validate_resources(wrong, &err) < 0);
	assert_string_equal(err.text, "memory.limit: must be an integer");
	assert_true(spec_validate_resources(burst, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minimal_specification_has_only_a_root),
		cmocka_unit_test(empty_objects_are_not_absent_ones),
		cmocka_unit_test(the_process_is_read),
		cmocka_unit_test(mounts_hooks_and_annotations_are_read),
		cmocka_unit_test(the_linux_part_is_read),
		cmocka_unit_test(the_seccomp_filter_is_read),
		cmocka_unit_test(the_limits_are_read),
		cmocka_unit_test(formatting_loses_nothing),
		cmocka_unit_test(the_first_fault_is_named_with_its_path),
		cmocka_unit_test(a_part_can_be_validated_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
