/* SPDX-License-Identifier: MIT */
/* The Linux part of a runtime specification. */

#include "oci/spec_linux.h"

#include <string.h>

static void read_namespace(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_namespace *)member = (struct spec_namespace){
		.type = json_get_text(value, "type"),
		.path = json_get_text(value, "path"),
	};
}

static void read_id_mapping(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_id_mapping *)member = (struct spec_id_mapping){
		.container_id = spec_read_u32(value, "containerID"),
		.host_id = spec_read_u32(value, "hostID"),
		.size = spec_read_u32(value, "size"),
	};
}

static void read_device(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_device *)member = (struct spec_device){
		.type = json_get_text(value, "type"),
		.path = json_get_text(value, "path"),
		.major = json_get_i64(value, "major", 0),
		.minor = json_get_i64(value, "minor", 0),
		.file_mode = spec_read_u64(value, "fileMode"),
		.uid = spec_read_u64(value, "uid"),
		.gid = spec_read_u64(value, "gid"),
	};
}

static void read_time_offset(struct spec_pool *pool, struct json_object *value, void *member)
{
	struct spec_time_offset *offset = member;

	offset->seconds = json_get_i64(value, "secs", 0);
	offset->nanoseconds = spec_read_u32(value, "nanosecs");
}

static void read_net_device(struct spec_pool *pool, struct json_object *value, void *member)
{
	struct spec_net_device *device = member;

	device->name = json_get_text(value, "name");
}

static const struct spec_memory_policy *read_memory_policy(struct spec_pool *pool,
							   struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_memory_policy *policy = spec_pool_new(pool, struct spec_memory_policy);

	*policy = (struct spec_memory_policy){
		.mode = json_get_text(object, "mode"),
		.nodes = json_get_text(object, "nodes"),
		.flags = spec_read_strings(pool, object, "flags"),
	};
	return policy;
}

static const struct spec_intel_rdt *read_intel_rdt(struct spec_pool *pool,
						   struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_intel_rdt *rdt = spec_pool_new(pool, struct spec_intel_rdt);

	*rdt = (struct spec_intel_rdt){
		.clos_id = json_get_text(object, "closID"),
		.l3_cache_schema = json_get_text(object, "l3CacheSchema"),
		.mem_bw_schema = json_get_text(object, "memBwSchema"),
		.schemata = spec_read_strings(pool, object, "schemata"),
		.enable_cmt = json_get_bool(object, "enableCMT", false),
		.enable_mbm = json_get_bool(object, "enableMBM", false),
		.enable_monitoring = json_get_bool(object, "enableMonitoring", false),
	};
	return rdt;
}

struct spec_id_mapping *spec_id_mappings_read(struct spec_pool *pool, struct json_object *object,
					      const char *key, size_t *ret_count)
{
	return spec_read_array(pool, object, key, sizeof(struct spec_id_mapping), read_id_mapping,
			       ret_count);
}

/* The arrays, whose lengths stand beside them. */
static void read_arrays(struct spec_pool *pool, struct json_object *object, struct spec_linux *part)
{
	part->namespaces =
		spec_read_array(pool, object, "namespaces", sizeof(struct spec_namespace),
				read_namespace, &part->n_namespaces);
	part->uid_mappings =
		spec_id_mappings_read(pool, object, "uidMappings", &part->n_uid_mappings);
	part->gid_mappings =
		spec_id_mappings_read(pool, object, "gidMappings", &part->n_gid_mappings);
	part->devices = spec_read_array(pool, object, "devices", sizeof(struct spec_device),
					read_device, &part->n_devices);
	part->time_offsets =
		spec_read_named(pool, object, "timeOffsets", sizeof(struct spec_time_offset),
				read_time_offset, &part->n_time_offsets);
	part->net_devices =
		spec_read_named(pool, object, "netDevices", sizeof(struct spec_net_device),
				read_net_device, &part->n_net_devices);
}

struct spec_linux *spec_linux_read(struct spec_pool *pool, struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_linux *part = spec_pool_new(pool, struct spec_linux);

	*part = (struct spec_linux){
		.cgroups_path = json_get_text(object, "cgroupsPath"),
		.resources = spec_resources_read(pool, json_get(object, "resources")),
		.sysctl = spec_read_map(pool, object, "sysctl"),
		.masked_paths = spec_read_strings(pool, object, "maskedPaths"),
		.readonly_paths = spec_read_strings(pool, object, "readonlyPaths"),
		.rootfs_propagation = json_get_text(object, "rootfsPropagation"),
		.mount_label = json_get_text(object, "mountLabel"),
		.seccomp = spec_seccomp_read(pool, json_get(object, "seccomp")),
		.personality = json_get_text(json_get(object, "personality"), "domain"),
		.memory_policy = read_memory_policy(pool, json_get(object, "memoryPolicy")),
		.intel_rdt = read_intel_rdt(pool, json_get(object, "intelRdt")),
	};
	read_arrays(pool, object, part);
	return part;
}

const struct spec_namespace *spec_linux_namespace(const struct spec_linux *part, const char *type)
{
	for (size_t i = 0; part && i < part->n_namespaces; i++)
		if (strcmp(part->namespaces[i].type, type) == 0)
			return &part->namespaces[i];
	return NULL;
}
