/* SPDX-License-Identifier: MIT */
#pragma once

/* The limits of a runtime specification (linux.resources), which `update` takes alone as well. All
 * is borrowed from the specification; an absent object is NULL. */

#include "oci/spec_read.h"

/* In bytes; -1 is no limit. */
struct spec_memory {
	struct spec_i64 limit;
	struct spec_i64 reservation;
	struct spec_i64 swap; /* memory and swap together */
	struct spec_i64 kernel;
	struct spec_i64 kernel_tcp;
	struct spec_u64 swappiness;
	bool disable_oom_killer;
	bool wants_oom_killer; /* it is not to be disabled, which was said */
	bool use_hierarchy;
	bool check_before_update;
};

struct spec_cpu {
	struct spec_u64 shares;
	struct spec_i64 quota; /* microseconds */
	struct spec_u64 burst;
	struct spec_u64 period;
	struct spec_i64 realtime_runtime;
	struct spec_u64 realtime_period;
	const char *cpus; /* "0-3,7" */
	const char *mems;
	struct spec_i64 idle;
};

struct spec_weight_device {
	int64_t major;
	int64_t minor;
	struct spec_u64 weight;
	struct spec_u64 leaf_weight;
};

struct spec_throttle_device {
	int64_t major;
	int64_t minor;
	uint64_t rate;
};

struct spec_throttle {
	struct spec_throttle_device *items;
	size_t count;
};

struct spec_block_io {
	struct spec_u64 weight;
	struct spec_u64 leaf_weight;
	struct spec_weight_device *weight_devices;
	size_t n_weight_devices;
	struct spec_throttle read_bps;
	struct spec_throttle write_bps;
	struct spec_throttle read_iops;
	struct spec_throttle write_iops;
};

struct spec_hugepage_limit {
	const char *page_size; /* "2MB" */
	uint64_t limit_bytes;
};

/* A rule of the device cgroup; later ones win. */
struct spec_device_rule {
	bool allow;
	const char *type;      /* "a", "b" or "c"; NULL is all */
	struct spec_i64 major; /* absent or -1 is all */
	struct spec_i64 minor;
	const char *access; /* of "rwm"; NULL is all */
};

struct spec_network_priority {
	const char *name;
	uint32_t priority;
};

struct spec_network {
	struct spec_u64 class_id;
	struct spec_network_priority *priorities;
	size_t n_priorities;
};

struct spec_rdma {
	const char *device;
	struct spec_u64 hca_handles;
	struct spec_u64 hca_objects;
};

struct spec_resources {
	const struct spec_memory *memory;
	const struct spec_cpu *cpu;
	struct spec_i64 pids_limit; /* -1 is no limit */
	const struct spec_block_io *block_io;
	struct spec_hugepage_limit *hugepage_limits;
	size_t n_hugepage_limits;
	struct spec_device_rule *devices;
	size_t n_devices;
	struct spec_map unified; /* a value may hold line breaks */
	const struct spec_network *network;
	struct spec_rdma *rdma;
	size_t n_rdma;
};

/* Returns the limits that the validated @object describes, owned by @pool; NULL for NULL. */
struct spec_resources *spec_resources_read(struct spec_pool *pool, struct json_object *object);
