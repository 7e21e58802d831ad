/* SPDX-License-Identifier: MIT */
#pragma once

/* The Linux part of a runtime specification. All is borrowed from the specification; an absent
 * object is NULL, an absent text NULL. */

#include "oci/spec_resources.h"
#include "oci/spec_seccomp.h"

struct spec_namespace {
	const char *type; /* "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time" */
	const char *path; /* absolute; NULL makes a new one */
};

struct spec_id_mapping {
	uint32_t container_id;
	uint32_t host_id;
	uint32_t size;
};

struct spec_device {
	const char *type; /* "c", "b", "u" or "p" */
	const char *path; /* absolute */
	int64_t major;    /* 0 where a fifo has none */
	int64_t minor;
	struct spec_u64 file_mode;
	struct spec_u64 uid;
	struct spec_u64 gid;
};

struct spec_time_offset {
	const char *clock; /* "monotonic" or "boottime" */
	int64_t seconds;
	uint32_t nanoseconds;
};

/* A host interface that moves into the container. */
struct spec_net_device {
	const char *host_name;
	const char *name; /* inside; NULL keeps it */
};

struct spec_memory_policy {
	const char *mode; /* "MPOL_BIND" */
	const char *nodes;
	struct spec_strings flags;
};

struct spec_intel_rdt {
	const char *clos_id;
	const char *l3_cache_schema;
	const char *mem_bw_schema;
	struct spec_strings schemata;
	bool enable_cmt;
	bool enable_mbm;
	bool enable_monitoring;
};

struct spec_linux {
	struct spec_namespace *namespaces; /* each type at most once */
	size_t n_namespaces;
	struct spec_id_mapping *uid_mappings;
	size_t n_uid_mappings;
	struct spec_id_mapping *gid_mappings;
	size_t n_gid_mappings;
	struct spec_device *devices;
	size_t n_devices;
	const char *cgroups_path;
	const struct spec_resources *resources;
	struct spec_map sysctl;
	struct spec_strings masked_paths;
	struct spec_strings readonly_paths;
	const char *rootfs_propagation; /* "private", "rslave", ... */
	const char *mount_label;
	const struct spec_seccomp *seccomp;
	const char *personality; /* "LINUX" or "LINUX32" */
	struct spec_time_offset *time_offsets;
	size_t n_time_offsets;
	struct spec_net_device *net_devices;
	size_t n_net_devices;
	const struct spec_memory_policy *memory_policy;
	const struct spec_intel_rdt *intel_rdt;
};

/* Returns the part that the validated @object describes, owned by @pool; NULL for NULL. */
struct spec_linux *spec_linux_read(struct spec_pool *pool, struct json_object *object);

/* Returns the array @key of id mappings, owned by @pool, and its length. */
struct spec_id_mapping *spec_id_mappings_read(struct spec_pool *pool, struct json_object *object,
					      const char *key, size_t *ret_count);

/* Returns the namespace of @type, or NULL when @part is NULL or names none. */
const struct spec_namespace *spec_linux_namespace(const struct spec_linux *part, const char *type);
