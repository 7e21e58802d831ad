/* SPDX-License-Identifier: MIT */
/* The shape of a runtime specification as tables, from the leaves up. Beyond the specification's
 * words, a text that ends up in a configuration file, a kernel file or a message must be one line.
 */

#include "oci/spec_schema.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

#define REQUIRED true

#define FIELDS(name_, ...) static const struct schema_field name_##_fields[] = { __VA_ARGS__, {} }
#define OBJECT(name_, ...)          \
	FIELDS(name_, __VA_ARGS__); \
	static const struct schema name_ = { SCHEMA_OBJECT, .fields = name_##_fields }
#define ARRAY_OF(name_, item_) \
	static const struct schema name_ = { SCHEMA_ARRAY, .items = &(item_) }
#define ARRAY_OF_SOME(name_, item_) \
	static const struct schema name_ = { SCHEMA_ARRAY, .items = &(item_), .items_min = 1 }
#define MAP_OF(name_, item_) static const struct schema name_ = { SCHEMA_MAP, .items = &(item_) }
#define INTEGER(name_, min_, max_) \
	static const struct schema name_ = { SCHEMA_INTEGER, .min = (min_), .max = (max_) }
#define FORM(name_, allows_, form_) \
	static const struct schema name_ = { SCHEMA_STRING, .allows = (allows_), .form = (form_) }
#define WORDS(name_, ...)                                                 \
	static const char *const name_##_words[] = { __VA_ARGS__, NULL }; \
	static const struct schema name_ = { SCHEMA_STRING, .words = name_##_words }

/* --- texts --- */

static bool is_line(const char *text)
{
	return !text_has_control(text);
}

static bool is_some_line(const char *text)
{
	return *text && is_line(text);
}

static bool is_path(const char *text)
{
	return *text == '/' && is_line(text);
}

/* Tells whether @text is @prefix and then one or more capitals, digits and underscores. */
static bool is_constant(const char *text, const char *prefix)
{
	if (!text_starts_with(text, prefix))
		return false;
	text += strlen(prefix);
	return *text && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(text);
}

static bool is_capability(const char *text)
{
	return is_constant(text, "CAP_");
}

static bool is_rlimit(const char *text)
{
	return is_constant(text, "RLIMIT_");
}

static bool is_page_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && *text != '0' && text[digits] && strchr("KMG", text[digits]) &&
	       strcmp(text + digits + 1, "B") == 0;
}

static bool is_device_access(const char *text)
{
	return strspn(text, "rwm") == strlen(text);
}

/* A version of semantic versioning whose major is 1: 1.2.0, 1.0.2-dev, 1.1.0-rc.1+build. */
static bool is_version(const char *text)
{
	if (!text_starts_with(text, "1."))
		return false;
	text += 2;
	for (int part = 0; part < 2; part++) {
		size_t digits = strspn(text, "0123456789");

		if (digits == 0 || (digits > 1 && *text == '0'))
			return false;
		text += digits;
		if (part == 0 && *text++ != '.')
			return false;
	}
	if (*text && ((*text != '-' && *text != '+') || !text[1]))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("-+.", *text))
			return false;
	return true;
}

static const struct schema any_text = { SCHEMA_STRING };
FORM(line, is_line, "must be one line without control characters");
FORM(some_line, is_some_line, "must be one line without control characters, and not empty");
FORM(path, is_path, "must be an absolute path without control characters");
FORM(capability, is_capability, "must be the name of a capability, CAP_...");
FORM(rlimit_type, is_rlimit, "must be the name of a limit, RLIMIT_...");
FORM(page_size, is_page_size, "must be a size like 64KB, 2MB or 1GB");
FORM(device_access, is_device_access, "must be made of r, w and m");
FORM(oci_version, is_version, "must be a version 1.MINOR.PATCH");
ARRAY_OF(texts, any_text);
ARRAY_OF_SOME(some_texts, any_text);
ARRAY_OF(lines, line);
ARRAY_OF_SOME(some_lines, some_line);
ARRAY_OF(paths, path);
MAP_OF(text_map, any_text);
MAP_OF(line_map, line);

/* --- numbers --- */

static const struct schema boolean = { SCHEMA_BOOLEAN };
INTEGER(u16, 0, UINT16_MAX);
INTEGER(u32, 0, UINT32_MAX);
INTEGER(u64, 0, UINT64_MAX);
INTEGER(i32, INT32_MIN, INT32_MAX);
INTEGER(i64, INT64_MIN, INT64_MAX);

/* --- process --- */

OBJECT(console_size, { "height", &u32, REQUIRED }, { "width", &u32, REQUIRED });

ARRAY_OF(gids, u32);
OBJECT(user, { "uid", &u32, REQUIRED }, { "gid", &u32, REQUIRED }, { "umask", &u32 },
       { "additionalGids", &gids });

ARRAY_OF(capability_set, capability);
OBJECT(capabilities, { "bounding", &capability_set }, { "effective", &capability_set },
       { "inheritable", &capability_set }, { "permitted", &capability_set },
       { "ambient", &capability_set });

OBJECT(rlimit, { "type", &rlimit_type, REQUIRED }, { "soft", &u64, REQUIRED },
       { "hard", &u64, REQUIRED });
ARRAY_OF(rlimits, rlimit);

WORDS(scheduler_policy, "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO",
      "SCHED_IDLE", "SCHED_DEADLINE");
WORDS(scheduler_flag, "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN",
      "SCHED_FLAG_KEEP_POLICY", "SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN",
      "SCHED_FLAG_UTIL_CLAMP_MAX");
ARRAY_OF(scheduler_flags, scheduler_flag);
OBJECT(scheduler, { "policy", &scheduler_policy, REQUIRED }, { "nice", &i32 }, { "priority", &i32 },
       { "flags", &scheduler_flags }, { "runtime", &u64 }, { "deadline", &u64 },
       { "period", &u64 });

WORDS(io_class, "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE");
INTEGER(io_level, 0, 7);
OBJECT(io_priority, { "class", &io_class, REQUIRED }, { "priority", &io_level, REQUIRED });

OBJECT(cpu_affinity, { "initial", &line }, { "final", &line });

INTEGER(oom_score_adj, -1000, 1000);
FIELDS(process, { "terminal", &boolean }, { "consoleSize", &console_size }, { "user", &user },
       { "cwd", &path, REQUIRED }, { "args", &some_texts, REQUIRED }, { "env", &texts },
       { "capabilities", &capabilities }, { "rlimits", &rlimits }, { "noNewPrivileges", &boolean },
       { "apparmorProfile", &line }, { "selinuxLabel", &line }, { "oomScoreAdj", &oom_score_adj },
       { "scheduler", &scheduler }, { "ioPriority", &io_priority },
       { "execCPUAffinity", &cpu_affinity });
const struct schema spec_schema_process = { SCHEMA_OBJECT, .fields = process_fields };

/* --- root, mounts, hooks --- */

OBJECT(root, { "path", &some_line, REQUIRED }, { "readonly", &boolean });

OBJECT(id_mapping, { "containerID", &u32, REQUIRED }, { "hostID", &u32, REQUIRED },
       { "size", &u32, REQUIRED });
ARRAY_OF(id_mappings, id_mapping);

OBJECT(mount_entry, { "destination", &some_line, REQUIRED }, { "type", &line }, { "source", &line },
       { "options", &lines }, { "uidMappings", &id_mappings }, { "gidMappings", &id_mappings });
ARRAY_OF(mounts, mount_entry);

INTEGER(hook_timeout, 1, INT32_MAX);
OBJECT(hook, { "path", &path, REQUIRED }, { "args", &texts }, { "env", &texts },
       { "timeout", &hook_timeout });
ARRAY_OF(hook_list, hook);
OBJECT(hooks, { "prestart", &hook_list }, { "createRuntime", &hook_list },
       { "createContainer", &hook_list }, { "startContainer", &hook_list },
       { "poststart", &hook_list }, { "poststop", &hook_list });

/* --- linux.resources --- */

INTEGER(swappiness, 0, 100);
OBJECT(memory, { "limit", &i64 }, { "reservation", &i64 }, { "swap", &i64 }, { "kernel", &i64 },
       { "kernelTCP", &i64 }, { "swappiness", &swappiness }, { "disableOOMKiller", &boolean },
       { "useHierarchy", &boolean }, { "checkBeforeUpdate", &boolean });

OBJECT(cpu, { "shares", &u64 }, { "quota", &i64 }, { "burst", &u64 }, { "period", &u64 },
       { "realtimeRuntime", &i64 }, { "realtimePeriod", &u64 }, { "cpus", &line },
       { "mems", &line }, { "idle", &i64 });

OBJECT(pids, { "limit", &i64 });

OBJECT(weight_device, { "major", &i64, REQUIRED }, { "minor", &i64, REQUIRED }, { "weight", &u16 },
       { "leafWeight", &u16 });
ARRAY_OF(weight_devices, weight_device);
OBJECT(throttle_device, { "major", &i64, REQUIRED }, { "minor", &i64, REQUIRED },
       { "rate", &u64, REQUIRED });
ARRAY_OF(throttle_devices, throttle_device);
OBJECT(block_io, { "weight", &u16 }, { "leafWeight", &u16 }, { "weightDevice", &weight_devices },
       { "throttleReadBpsDevice", &throttle_devices },
       { "throttleWriteBpsDevice", &throttle_devices },
       { "throttleReadIOPSDevice", &throttle_devices },
       { "throttleWriteIOPSDevice", &throttle_devices });

OBJECT(hugepage_limit, { "pageSize", &page_size, REQUIRED }, { "limit", &u64, REQUIRED });
ARRAY_OF(hugepage_limits, hugepage_limit);

WORDS(device_rule_type, "a", "b", "c");
OBJECT(device_rule, { "allow", &boolean, REQUIRED }, { "type", &device_rule_type },
       { "major", &i64 }, { "minor", &i64 }, { "access", &device_access });
ARRAY_OF(device_rules, device_rule);

OBJECT(network_priority, { "name", &some_line, REQUIRED }, { "priority", &u32, REQUIRED });
ARRAY_OF(network_priorities, network_priority);
OBJECT(network, { "classID", &u32 }, { "priorities", &network_priorities });

OBJECT(rdma_limit, { "hcaHandles", &u32 }, { "hcaObjects", &u32 });
MAP_OF(rdma, rdma_limit);

FIELDS(resources, { "memory", &memory }, { "cpu", &cpu }, { "pids", &pids },
       { "blockIO", &block_io }, { "hugepageLimits", &hugepage_limits },
       { "devices", &device_rules }, { "unified", &text_map }, { "network", &network },
       { "rdma", &rdma });
const struct schema spec_schema_resources = { SCHEMA_OBJECT, .fields = resources_fields };

/* --- linux.seccomp --- */

WORDS(seccomp_action, "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
      "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG",
      "SCMP_ACT_NOTIFY");
WORDS(seccomp_op, "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE",
      "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ");
WORDS(seccomp_arch, "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM",
      "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32",
      "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
      "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390", "SCMP_ARCH_S390X",
      "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64",
      "SCMP_ARCH_M68K", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB");
WORDS(seccomp_flag, "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
      "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
ARRAY_OF(seccomp_archs, seccomp_arch);
ARRAY_OF(seccomp_flags, seccomp_flag);

INTEGER(arg_index, 0, 5); /* a system call has six arguments */
OBJECT(seccomp_arg, { "index", &arg_index, REQUIRED }, { "value", &u64, REQUIRED },
       { "valueTwo", &u64 }, { "op", &seccomp_op, REQUIRED });
ARRAY_OF(seccomp_args, seccomp_arg);
OBJECT(seccomp_rule, { "names", &some_lines, REQUIRED }, { "action", &seccomp_action, REQUIRED },
       { "errnoRet", &u32 }, { "args", &seccomp_args });
ARRAY_OF(seccomp_rules, seccomp_rule);
OBJECT(seccomp, { "defaultAction", &seccomp_action, REQUIRED }, { "defaultErrnoRet", &u32 },
       { "architectures", &seccomp_archs }, { "flags", &seccomp_flags }, { "listenerPath", &line },
       { "listenerMetadata", &any_text }, { "syscalls", &seccomp_rules });

/* --- linux --- */

WORDS(namespace_type, "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time");
OBJECT(namespace, { "type", &namespace_type, REQUIRED }, { "path", &path });
ARRAY_OF(namespaces, namespace);

WORDS(device_type, "c", "b", "u", "p");
OBJECT(device, { "type", &device_type, REQUIRED }, { "path", &path, REQUIRED }, { "major", &i64 },
       { "minor", &i64 }, { "fileMode", &u32 }, { "uid", &u32 }, { "gid", &u32 });
ARRAY_OF(devices, device);

/* The recursive forms are not the specification's, but engines write them and runtimes obey. */
WORDS(propagation, "private", "shared", "slave", "unbindable", "rprivate", "rshared", "rslave",
      "runbindable");

WORDS(execution_domain, "LINUX", "LINUX32");
OBJECT(personality, { "domain", &execution_domain, REQUIRED }, { "flags", &texts });

INTEGER(nanoseconds, 0, 999999999);
OBJECT(time_offset, { "secs", &i64 }, { "nanosecs", &nanoseconds });
MAP_OF(time_offsets, time_offset);

OBJECT(net_device, { "name", &line });
MAP_OF(net_devices, net_device);

WORDS(memory_mode, "MPOL_DEFAULT", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
      "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL");
WORDS(memory_flag, "MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES");
ARRAY_OF(memory_flags, memory_flag);
OBJECT(memory_policy, { "mode", &memory_mode, REQUIRED }, { "nodes", &line },
       { "flags", &memory_flags });

OBJECT(intel_rdt, { "closID", &line }, { "l3CacheSchema", &any_text }, { "memBwSchema", &line },
       { "schemata", &lines }, { "enableCMT", &boolean }, { "enableMBM", &boolean },
       { "enableMonitoring", &boolean });

OBJECT(linux_part, { "namespaces", &namespaces }, { "uidMappings", &id_mappings },
       { "gidMappings", &id_mappings }, { "devices", &devices }, { "cgroupsPath", &line },
       { "resources", &spec_schema_resources }, { "sysctl", &line_map }, { "maskedPaths", &paths },
       { "readonlyPaths", &paths }, { "rootfsPropagation", &propagation }, { "mountLabel", &line },
       { "seccomp", &seccomp }, { "personality", &personality }, { "timeOffsets", &time_offsets },
       { "netDevices", &net_devices }, { "memoryPolicy", &memory_policy },
       { "intelRdt", &intel_rdt });

/* --- the document --- */

FIELDS(document, { "ociVersion", &oci_version, REQUIRED }, { "root", &root, REQUIRED },
       { "process", &spec_schema_process }, { "hostname", &line }, { "domainname", &line },
       { "mounts", &mounts }, { "hooks", &hooks }, { "annotations", &text_map },
       { "linux", &linux_part });
const struct schema spec_schema = { SCHEMA_OBJECT, .fields = document_fields };
