/* SPDX-License-Identifier: MIT */
/* The limits of a runtime specification. */

#include "oci/spec_resources.h"

static const struct spec_memory *read_memory(struct spec_pool *pool, struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_memory *memory = spec_pool_new(pool, struct spec_memory);

	*memory = (struct spec_memory){
		.limit = spec_read_i64(object, "limit"),
		.reservation = spec_read_i64(object, "reservation"),
		.swap = spec_read_i64(object, "swap"),
		.kernel = spec_read_i64(object, "kernel"),
		.kernel_tcp = spec_read_i64(object, "kernelTCP"),
		.swappiness = spec_read_u64(object, "swappiness"),
		.disable_oom_killer = json_get_bool(object, "disableOOMKiller", false),
		.wants_oom_killer = !json_get_bool(object, "disableOOMKiller", true),
		.use_hierarchy = json_get_bool(object, "useHierarchy", false),
		.check_before_update = json_get_bool(object, "checkBeforeUpdate", false),
	};
	return memory;
}

static const struct spec_cpu *read_cpu(struct spec_pool *pool, struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_cpu *cpu = spec_pool_new(pool, struct spec_cpu);

	*cpu = (struct spec_cpu){
		.shares = spec_read_u64(object, "shares"),
		.quota = spec_read_i64(object, "quota"),
		.burst = spec_read_u64(object, "burst"),
		.period = spec_read_u64(object, "period"),
		.realtime_runtime = spec_read_i64(object, "realtimeRuntime"),
		.realtime_period = spec_read_u64(object, "realtimePeriod"),
		.cpus = json_get_text(object, "cpus"),
		.mems = json_get_text(object, "mems"),
		.idle = spec_read_i64(object, "idle"),
	};
	return cpu;
}

static void read_weight_device(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_weight_device *)member = (struct spec_weight_device){
		.major = json_get_i64(value, "major", 0),
		.minor = json_get_i64(value, "minor", 0),
		.weight = spec_read_u64(value, "weight"),
		.leaf_weight = spec_read_u64(value, "leafWeight"),
	};
}

static void read_throttle_device(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_throttle_device *)member = (struct spec_throttle_device){
		.major = json_get_i64(value, "major", 0),
		.minor = json_get_i64(value, "minor", 0),
		.rate = json_get_u64(value, "rate", 0),
	};
}

static struct spec_throttle read_throttle(struct spec_pool *pool, struct json_object *object,
					  const char *key)
{
	struct spec_throttle throttle = {};

	throttle.items = spec_read_array(pool, object, key, sizeof(struct spec_throttle_device),
					 read_throttle_device, &throttle.count);
	return throttle;
}

static const struct spec_block_io *read_block_io(struct spec_pool *pool, struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_block_io *block_io = spec_pool_new(pool, struct spec_block_io);

	*block_io = (struct spec_block_io){
		.weight = spec_read_u64(object, "weight"),
		.leaf_weight = spec_read_u64(object, "leafWeight"),
		.read_bps = read_throttle(pool, object, "throttleReadBpsDevice"),
		.write_bps = read_throttle(pool, object, "throttleWriteBpsDevice"),
		.read_iops = read_throttle(pool, object, "throttleReadIOPSDevice"),
		.write_iops = read_throttle(pool, object, "throttleWriteIOPSDevice"),
	};
	block_io->weight_devices =
		spec_read_array(pool, object, "weightDevice", sizeof(struct spec_weight_device),
				read_weight_device, &block_io->n_weight_devices);
	return block_io;
}

static void read_hugepage_limit(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_hugepage_limit *)member = (struct spec_hugepage_limit){
		.page_size = json_get_text(value, "pageSize"),
		.limit_bytes = json_get_u64(value, "limit", 0),
	};
}

static void read_device_rule(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_device_rule *)member = (struct spec_device_rule){
		.allow = json_get_bool(value, "allow", false),
		.type = json_get_text(value, "type"),
		.major = spec_read_i64(value, "major"),
		.minor = spec_read_i64(value, "minor"),
		.access = json_get_text(value, "access"),
	};
}

static void read_priority(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_network_priority *)member = (struct spec_network_priority){
		.name = json_get_text(value, "name"),
		.priority = spec_read_u32(value, "priority"),
	};
}

static const struct spec_network *read_network(struct spec_pool *pool, struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_network *network = spec_pool_new(pool, struct spec_network);

	network->class_id = spec_read_u64(object, "classID");
	network->priorities =
		spec_read_array(pool, object, "priorities", sizeof(struct spec_network_priority),
				read_priority, &network->n_priorities);
	return network;
}

static void read_rdma(struct spec_pool *pool, struct json_object *value, void *member)
{
	struct spec_rdma *rdma = member;

	rdma->hca_handles = spec_read_u64(value, "hcaHandles");
	rdma->hca_objects = spec_read_u64(value, "hcaObjects");
}

struct spec_resources *spec_resources_read(struct spec_pool *pool, struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_resources *resources = spec_pool_new(pool, struct spec_resources);

	*resources = (struct spec_resources){
		.memory = read_memory(pool, json_get(object, "memory")),
		.cpu = read_cpu(pool, json_get(object, "cpu")),
		.pids_limit = spec_read_i64(json_get(object, "pids"), "limit"),
		.block_io = read_block_io(pool, json_get(object, "blockIO")),
		.unified = spec_read_map(pool, object, "unified"),
		.network = read_network(pool, json_get(object, "network")),
	};
	resources->hugepage_limits =
		spec_read_array(pool, object, "hugepageLimits", sizeof(struct spec_hugepage_limit),
				read_hugepage_limit, &resources->n_hugepage_limits);
	resources->devices =
		spec_read_array(pool, object, "devices", sizeof(struct spec_device_rule),
				read_device_rule, &resources->n_devices);
	resources->rdma = spec_read_named(pool, object, "rdma", sizeof(struct spec_rdma), read_rdma,
					  &resources->n_rdma);
	return resources;
}
