/* SPDX-License-Identifier: MIT */
/* The process of a runtime specification. */

#include "oci/spec_process.h"

static void read_gid(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(uint32_t *)member = (uint32_t)json_object_get_uint64(value);
}

static void read_rlimit(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_rlimit *)member = (struct spec_rlimit){
		.type = json_get_text(value, "type"),
		.soft = json_get_u64(value, "soft", 0),
		.hard = json_get_u64(value, "hard", 0),
	};
}

static struct spec_user read_user(struct spec_pool *pool, struct json_object *object)
{
	struct spec_user user = {
		.uid = spec_read_u32(object, "uid"),
		.gid = spec_read_u32(object, "gid"),
		.umask = spec_read_u64(object, "umask"),
	};

	user.additional_gids = spec_read_array(pool, object, "additionalGids", sizeof(uint32_t),
					       read_gid, &user.n_additional_gids);
	return user;
}

static const struct spec_capabilities *read_capabilities(struct spec_pool *pool,
							 struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_capabilities *sets = spec_pool_new(pool, struct spec_capabilities);

	*sets = (struct spec_capabilities){
		.bounding = spec_read_strings(pool, object, "bounding"),
		.effective = spec_read_strings(pool, object, "effective"),
		.inheritable = spec_read_strings(pool, object, "inheritable"),
		.permitted = spec_read_strings(pool, object, "permitted"),
		.ambient = spec_read_strings(pool, object, "ambient"),
	};
	return sets;
}

static const struct spec_scheduler *read_scheduler(struct spec_pool *pool,
						   struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_scheduler *scheduler = spec_pool_new(pool, struct spec_scheduler);

	*scheduler = (struct spec_scheduler){
		.policy = json_get_text(object, "policy"),
		.nice = spec_read_i64(object, "nice"),
		.priority = spec_read_i64(object, "priority"),
		.flags = spec_read_strings(pool, object, "flags"),
		.runtime = spec_read_u64(object, "runtime"),
		.deadline = spec_read_u64(object, "deadline"),
		.period = spec_read_u64(object, "period"),
	};
	return scheduler;
}

static const struct spec_io_priority *read_io_priority(struct spec_pool *pool,
						       struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_io_priority *priority = spec_pool_new(pool, struct spec_io_priority);

	priority->class_name = json_get_text(object, "class");
	priority->priority = json_get_i64(object, "priority", 0);
	return priority;
}

struct spec_process *spec_process_read(struct spec_pool *pool, struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_process *process = spec_pool_new(pool, struct spec_process);
	struct json_object *console = json_get(object, "consoleSize");
	struct json_object *affinity = json_get(object, "execCPUAffinity");

	*process = (struct spec_process){
		.terminal = json_get_bool(object, "terminal", false),
		.no_new_privileges = json_get_bool(object, "noNewPrivileges", false),
		.console_height = json_get_u64(console, "height", 0),
		.console_width = json_get_u64(console, "width", 0),
		.user = read_user(pool, json_get(object, "user")),
		.cwd = json_get_text(object, "cwd"),
		.args = spec_read_strings(pool, object, "args"),
		.env = spec_read_strings(pool, object, "env"),
		.capabilities = read_capabilities(pool, json_get(object, "capabilities")),
		.apparmor_profile = json_get_text(object, "apparmorProfile"),
		.selinux_label = json_get_text(object, "selinuxLabel"),
		.oom_score_adj = spec_read_i64(object, "oomScoreAdj"),
		.scheduler = read_scheduler(pool, json_get(object, "scheduler")),
		.io_priority = read_io_priority(pool, json_get(object, "ioPriority")),
		.cpu_affinity_initial = json_get_text(affinity, "initial"),
		.cpu_affinity_final = json_get_text(affinity, "final"),
	};
	process->rlimits = spec_read_array(pool, object, "rlimits", sizeof(struct spec_rlimit),
					   read_rlimit, &process->n_rlimits);
	return process;
}
