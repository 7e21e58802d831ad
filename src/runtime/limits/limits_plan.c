/* SPDX-License-Identifier: MIT */
/* From a specification to control files, for version 1 of cgroups, and for version 2 by the
 * conversions that the runtime specification's users agree on. On a hybrid host each controller is
 * where it is mounted. */

#include "runtime/limits/limits.h"

#include "base/mem.h"
#include "base/scope.h"

#include <stdio.h>
#include <string.h>

#define CPU_PERIOD_US 100000 /* the kernel's own */

struct plan {
	const struct cgroup_host *host;
	struct limits *limits;
	struct lxcri_error *err;
};

/* What one limit is called. NULL: a version does not have it. */
struct place {
	const char *controller;
	const char *v1;
	const char *v2;
};

void limits_finish(struct limits *limits)
{
	for (size_t i = 0; i < limits->count; i++) {
		free(limits->items[i].field);
		free(limits->items[i].controller);
		free(limits->items[i].file);
		free(limits->items[i].value);
	}
	free(limits->items);
	*limits = (struct limits){};
}

/* Says where the controller is to be had. */
static int refuse_absent(const struct plan *plan, const char *field, const char *controller)
{
	struct cgroup_host whole = *plan->host;
	const char *name = plan->host->unified ? cgroup_name_v2(controller) : controller;

	whole.without_unified = false;
	if (plan->host->without_unified && cgroup_version_of(&whole, controller) == CGROUP_V2)
		return fail(plan->err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "linux.resources.%s: the controller %s is in the version 2 part of a "
			    "hybrid host, which this runtime cannot use; choose the runtime lxc, "
			    "or boot with systemd.unified_cgroup_hierarchy=1",
			    field, controller);
	return fail(
		plan->err, LXCRI_E_UNSUPPORTED_OPERATION,
		"linux.resources.%s: the host has no cgroup controller %s; %s%s%s", field, name,
		plan->host->unified ? "the kernel must have it, not be booted with cgroup_disable="
				    : "mount its hierarchy at /sys/fs/cgroup/",
		name,
		plan->host->unified ? ", and have it in /sys/fs/cgroup/cgroup.controllers" : "");
}

static void append(const struct plan *plan, struct limit limit)
{
	struct limits *limits = plan->limits;

	limits->items = xreallocarray(limits->items, limits->count + 1, sizeof(*limits->items));
	limits->items[limits->count++] = limit;
}

/* Tells which version has @place, or refuses. */
static int version_of(const struct plan *plan, const char *field, const struct place *place)
{
	enum cgroup_version version = cgroup_version_of(plan->host, place->controller);

	if (version == CGROUP_ABSENT)
		return refuse_absent(plan, field, place->controller);
	if (!(version == CGROUP_V1 ? place->v1 : place->v2))
		return fail(plan->err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "linux.resources.%s: version %d of cgroups, which has the controller "
			    "%s on this host, knows no such limit",
			    field, version == CGROUP_V1 ? 1 : 2, place->controller);
	return (int)version;
}

/* Appends @value, for whichever version has it. */
static int add(const struct plan *plan, const char *field, const struct place *place,
	       const char *value)
{
	int version = version_of(plan, field, place);

	if (version < 0)
		return -1;
	append(plan, (struct limit){ .field = xstrdup(field),
				     .controller = xstrdup(place->controller),
				     .file = xstrdup(version == CGROUP_V1 ? place->v1 : place->v2),
				     .value = xstrdup(value) });
	return 0;
}

/* The same for a number, of which -1 is no limit: "max" in version 2. */
static int add_number(const struct plan *plan, const char *field, const struct place *place,
		      int64_t value)
{
	autofree char *text = xformat("%lld", (long long)value);
	int version = version_of(plan, field, place);

	if (version < 0)
		return -1;
	return add(plan, field, place, version == CGROUP_V2 && value < 0 ? "max" : text);
}

/* The same for the line of a file with many. */
static int add_line(const struct plan *plan, const char *field, const struct place *place,
		    const char *value)
{
	if (add(plan, field, place, value) < 0)
		return -1;
	plan->limits->items[plan->limits->count - 1].keyed = true;
	return 0;
}

/* 0 has always meant "not given". */
static bool is_given(struct spec_i64 number)
{
	return number.set && number.value != 0;
}

/* In version 1 swap counts with the memory, in version 2 apart. */
static int add_swap(const struct plan *plan, const struct spec_memory *memory)
{
	static const struct place place = { "memory", "memory.memsw.limit_in_bytes",
					    "memory.swap.max" };
	int64_t swap = memory->swap.value;
	int version;

	if (!is_given(memory->swap))
		return 0;
	version = version_of(plan, "memory.swap", &place);
	if (version < 0)
		return -1;
	if (swap > 0 && (!is_given(memory->limit) || memory->limit.value < 0))
		return fail(plan->err, LXCRI_E_INVALID_SPEC,
			    "linux.resources.memory.swap: counts memory and swap together, and "
			    "needs memory.limit");
	if (swap > 0 && swap < memory->limit.value)
		return fail(plan->err, LXCRI_E_INVALID_SPEC,
			    "linux.resources.memory.swap: memory and swap together are less than "
			    "memory.limit");
	if (version == CGROUP_V2 && swap > 0)
		swap -= memory->limit.value;
	return add_number(plan, "memory.swap", &place, swap);
}

static int add_reservation(const struct plan *plan, int64_t value)
{
	static const struct place place = { "memory", "memory.soft_limit_in_bytes", "memory.low" };
	int version = version_of(plan, "memory.reservation", &place);

	/* Version 2 has what is kept for it instead of what it is pushed back to: none is 0. */
	if (version == CGROUP_V2 && value < 0)
		value = 0;
	return version < 0 ? -1 : add_number(plan, "memory.reservation", &place, value);
}

static int add_memory(const struct plan *plan, const struct spec_memory *memory)
{
	static const struct place limit = { "memory", "memory.limit_in_bytes", "memory.max" };
	static const struct place swappiness = { "memory", "memory.swappiness", NULL };
	static const struct place oom = { "memory", "memory.oom_control", NULL };
	static const struct place kernel = { "memory", NULL, NULL };

	if (!memory)
		return 0;
	plan->limits->check_usage = memory->check_before_update;
	if (is_given(memory->limit) &&
	    add_number(plan, "memory.limit", &limit, memory->limit.value) < 0)
		return -1;
	if (add_swap(plan, memory) < 0)
		return -1;
	if (is_given(memory->reservation) && add_reservation(plan, memory->reservation.value) < 0)
		return -1;
	/* Deprecated, and nothing that a kernel since 5.16 obeys. */
	if (is_given(memory->kernel) && memory->kernel.value > 0 &&
	    version_of(plan, "memory.kernel", &kernel) < 0)
		return -1;
	if (is_given(memory->kernel_tcp) && memory->kernel_tcp.value > 0 &&
	    version_of(plan, "memory.kernelTCP", &kernel) < 0)
		return -1;
	if (memory->swappiness.set && add_number(plan, "memory.swappiness", &swappiness,
						 (int64_t)memory->swappiness.value) < 0)
		return -1;
	/* Version 2 has it always. */
	if (memory->wants_oom_killer && cgroup_version_of(plan->host, oom.controller) == CGROUP_V1)
		return add_number(plan, "memory.disableOOMKiller", &oom, 0);
	return memory->disable_oom_killer ? add_number(plan, "memory.disableOOMKiller", &oom, 1)
					  : 0;
}

/* 2…262144 onto 1…10000, as runtimes have long done it. */
static int64_t weight_of_shares(uint64_t shares)
{
	if (shares < 2)
		shares = 2;
	if (shares > 262144)
		shares = 262144;
	return (int64_t)(1 + ((shares - 2) * 9999) / 262142);
}

static int add_shares(const struct plan *plan, const struct spec_cpu *cpu)
{
	static const struct place place = { "cpu", "cpu.shares", "cpu.weight" };
	int version;

	if (!cpu->shares.set || !cpu->shares.value)
		return 0;
	version = version_of(plan, "cpu.shares", &place);
	if (version < 0)
		return -1;
	/* The kernel gives what is idle the least of all, and takes no other share. */
	if (cpu->idle.set && cpu->idle.value == 1)
		return 0;
	return add_number(plan, "cpu.shares", &place,
			  version == CGROUP_V1 ? (int64_t)cpu->shares.value
					       : weight_of_shares(cpu->shares.value));
}

static int add_quota_v1(const struct plan *plan, const struct spec_cpu *cpu)
{
	static const struct place period = { "cpu", "cpu.cfs_period_us", NULL };
	static const struct place quota = { "cpu", "cpu.cfs_quota_us", NULL };

	/* The period first: the quota is checked against it. */
	if (cpu->period.set && cpu->period.value &&
	    add_number(plan, "cpu.period", &period, (int64_t)cpu->period.value) < 0)
		return -1;
	return is_given(cpu->quota) ? add_number(plan, "cpu.quota", &quota, cpu->quota.value) : 0;
}

static int add_quota_v2(const struct plan *plan, const struct spec_cpu *cpu)
{
	static const struct place place = { "cpu", NULL, "cpu.max" };
	uint64_t period = cpu->period.set && cpu->period.value ? cpu->period.value : CPU_PERIOD_US;
	autofree char *quota = is_given(cpu->quota) && cpu->quota.value > 0
				       ? xformat("%lld", (long long)cpu->quota.value)
				       : xstrdup("max");
	autofree char *value = xformat("%s %llu", quota, (unsigned long long)period);

	if (!is_given(cpu->quota) && !(cpu->period.set && cpu->period.value))
		return 0;
	return add(plan, is_given(cpu->quota) ? "cpu.quota" : "cpu.period", &place, value);
}

static int add_realtime(const struct plan *plan, const struct spec_cpu *cpu)
{
	static const struct place period = { "cpu", "cpu.rt_period_us", NULL };
	static const struct place runtime = { "cpu", "cpu.rt_runtime_us", NULL };

	if (cpu->realtime_period.set && cpu->realtime_period.value &&
	    add_number(plan, "cpu.realtimePeriod", &period, (int64_t)cpu->realtime_period.value) <
		    0)
		return -1;
	return is_given(cpu->realtime_runtime) ? add_number(plan, "cpu.realtimeRuntime", &runtime,
							    cpu->realtime_runtime.value)
					       : 0;
}

static int add_cpu(const struct plan *plan, const struct spec_cpu *cpu)
{
	static const struct place any = { "cpu", "", "" };
	static const struct place burst = { "cpu", "cpu.cfs_burst_us", "cpu.max.burst" };
	static const struct place idle = { "cpu", "cpu.idle", "cpu.idle" };
	static const struct place cpus = { "cpuset", "cpuset.cpus", "cpuset.cpus" };
	static const struct place mems = { "cpuset", "cpuset.mems", "cpuset.mems" };

	if (!cpu)
		return 0;
	/* First: what is no longer idle has a share again. */
	if (cpu->idle.set && add_number(plan, "cpu.idle", &idle, cpu->idle.value) < 0)
		return -1;
	if (add_shares(plan, cpu) < 0)
		return -1;
	if (is_given(cpu->quota) || (cpu->period.set && cpu->period.value)) {
		int version = version_of(plan, "cpu.quota", &any);

		if (version < 0 ||
		    (version == CGROUP_V1 ? add_quota_v1(plan, cpu) : add_quota_v2(plan, cpu)) < 0)
			return -1;
	}
	if (cpu->burst.set && add_number(plan, "cpu.burst", &burst, (int64_t)cpu->burst.value) < 0)
		return -1;
	if (add_realtime(plan, cpu) < 0)
		return -1;
	if (cpu->cpus && *cpu->cpus && add(plan, "cpu.cpus", &cpus, cpu->cpus) < 0)
		return -1;
	return cpu->mems && *cpu->mems ? add(plan, "cpu.mems", &mems, cpu->mems) : 0;
}

static int add_throttle(const struct plan *plan, const struct spec_throttle *throttle,
			const char *field, const struct place *place, const char *key)
{
	int version = throttle->count > 0 ? version_of(plan, field, place) : 0;

	if (version < 0)
		return -1;
	for (size_t i = 0; i < throttle->count; i++) {
		const struct spec_throttle_device *device = &throttle->items[i];
		unsigned long long rate = device->rate;
		autofree char *number =
			version == CGROUP_V2 && rate == 0 ? xstrdup("max") : xformat("%llu", rate);
		autofree char *value =
			xformat("%lld:%lld %s%s", (long long)device->major,
				(long long)device->minor, version == CGROUP_V1 ? "" : key, number);

		if (add_line(plan, field, place, value) < 0)
			return -1;
	}
	return 0;
}

/* 10…1000 onto 1…10000. */
static uint64_t io_weight(uint64_t weight)
{
	return weight < 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

static int add_weights(const struct plan *plan, const struct spec_block_io *io)
{
	static const struct place all = { "blkio", "blkio.bfq.weight", "io.weight" };
	static const struct place each = { "blkio", "blkio.bfq.weight_device", "io.weight" };
	static const struct place leaf = { "blkio", NULL, NULL };
	bool given = io->weight.set && io->weight.value;
	int version =
		given || io->n_weight_devices > 0 ? version_of(plan, "blockIO.weight", &all) : 0;

	if (version < 0)
		return -1;
	if (io->leaf_weight.set && io->leaf_weight.value)
		return version_of(plan, "blockIO.leafWeight", &leaf);
	if (given && add_number(plan, "blockIO.weight", &all,
				(int64_t)(version == CGROUP_V1 ? io->weight.value
							       : io_weight(io->weight.value))) < 0)
		return -1;
	for (size_t i = 0; i < io->n_weight_devices; i++) {
		const struct spec_weight_device *device = &io->weight_devices[i];
		uint64_t weight = device->weight.value;
		autofree char *value = xformat(
			"%lld:%lld %llu", (long long)device->major, (long long)device->minor,
			(unsigned long long)(version == CGROUP_V1 ? weight : io_weight(weight)));

		if (device->leaf_weight.set && device->leaf_weight.value)
			return version_of(plan, "blockIO.weightDevice.leafWeight", &leaf);
		if (device->weight.set && add_line(plan, "blockIO.weightDevice", &each, value) < 0)
			return -1;
	}
	return 0;
}

static int add_block_io(const struct plan *plan, const struct spec_block_io *io)
{
	static const struct place read_bps = { "blkio", "blkio.throttle.read_bps_device",
					       "io.max" };
	static const struct place write_bps = { "blkio", "blkio.throttle.write_bps_device",
						"io.max" };
	static const struct place read_iops = { "blkio", "blkio.throttle.read_iops_device",
						"io.max" };
	static const struct place write_iops = { "blkio", "blkio.throttle.write_iops_device",
						 "io.max" };

	if (!io)
		return 0;
	if (add_weights(plan, io) < 0 ||
	    add_throttle(plan, &io->read_bps, "blockIO.throttleReadBpsDevice", &read_bps, "rbps=") <
		    0 ||
	    add_throttle(plan, &io->write_bps, "blockIO.throttleWriteBpsDevice", &write_bps,
			 "wbps=") < 0 ||
	    add_throttle(plan, &io->read_iops, "blockIO.throttleReadIOPSDevice", &read_iops,
			 "riops=") < 0)
		return -1;
	return add_throttle(plan, &io->write_iops, "blockIO.throttleWriteIOPSDevice", &write_iops,
			    "wiops=");
}

static int add_hugepages(const struct plan *plan, const struct spec_resources *resources)
{
	for (size_t i = 0; i < resources->n_hugepage_limits; i++) {
		const struct spec_hugepage_limit *limit = &resources->hugepage_limits[i];
		autofree char *field = xformat("hugepageLimits[%zu]", i);
		autofree char *v1 = xformat("hugetlb.%s.limit_in_bytes", limit->page_size);
		autofree char *v2 = xformat("hugetlb.%s.max", limit->page_size);
		autofree char *value = xformat("%llu", (unsigned long long)limit->limit_bytes);
		const struct place place = { "hugetlb", v1, v2 };

		if (strchr(limit->page_size, '/'))
			return fail(plan->err, LXCRI_E_INVALID_SPEC,
				    "linux.resources.%s.pageSize: \"%s\" is no size such as 2MB",
				    field, limit->page_size);
		if (add(plan, field, &place, value) < 0)
			return -1;
	}
	return 0;
}

static int add_rdma(const struct plan *plan, const struct spec_resources *resources)
{
	static const struct place place = { "rdma", "rdma.max", "rdma.max" };

	for (size_t i = 0; i < resources->n_rdma; i++) {
		const struct spec_rdma *rdma = &resources->rdma[i];
		char handles[48] = "";
		char objects[48] = "";

		if (rdma->hca_handles.set)
			(void)snprintf(handles, sizeof(handles), " hca_handle=%llu",
				       (unsigned long long)rdma->hca_handles.value);
		if (rdma->hca_objects.set)
			(void)snprintf(objects, sizeof(objects), " hca_object=%llu",
				       (unsigned long long)rdma->hca_objects.value);

		autofree char *value = xformat("%s%s%s", rdma->device, handles, objects);

		if (add_line(plan, "rdma", &place, value) < 0)
			return -1;
	}
	return 0;
}

static int add_network(const struct plan *plan, const struct spec_network *network)
{
	static const struct place class_id = { "net_cls", "net_cls.classid", NULL };
	static const struct place priority = { "net_prio", "net_prio.ifpriomap", NULL };

	if (!network)
		return 0;
	if (network->class_id.set && network->class_id.value &&
	    add_number(plan, "network.classID", &class_id, (int64_t)network->class_id.value) < 0)
		return -1;
	for (size_t i = 0; i < network->n_priorities; i++) {
		autofree char *value = xformat("%s %u", network->priorities[i].name,
					       network->priorities[i].priority);

		if (add_line(plan, "network.priorities", &priority, value) < 0)
			return -1;
	}
	return 0;
}

/* Names of version 2, taken literally; each line of a value is written by itself. */
static int add_unified(const struct plan *plan, const char *file, const char *values)
{
	autofree char *controller = xstrndup(file, strcspn(file, "."));
	autofree char *field = xformat("unified[\"%s\"]", file);
	autofree char *copy = xstrdup(values);
	char *rest = copy;
	/* "cgroup.…" belongs to none. */
	bool core = strcmp(controller, "cgroup") == 0;
	const struct cgroup_host *host = plan->host;
	enum cgroup_version version =
		cgroup_version_of(host, strcmp(controller, "io") == 0 ? "blkio" : controller);

	if (core ? !host->unified && host->without_unified : version != CGROUP_V2)
		return fail(plan->err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "linux.resources.%s: needs the controller %s in version 2 of cgroups; "
			    "boot with systemd.unified_cgroup_hierarchy=1",
			    field, controller);
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		if (!*line)
			continue;
		append(plan, (struct limit){ .field = xstrdup(field),
					     .controller = core ? NULL
							   : strcmp(controller, "io") == 0
								   ? xstrdup("blkio")
								   : xstrdup(controller),
					     .file = xstrdup(file),
					     .value = xstrdup(line),
					     .keyed = strchr(line, ' ') &&
						      strcmp(file, "cpu.max") != 0 });
	}
	return 0;
}

int limits_plan(const struct spec_resources *resources, const struct cgroup_host *host,
		struct limits *ret, struct lxcri_error *err)
{
	static const struct place pids = { "pids", "pids.max", "pids.max" };
	const struct plan plan = { .host = host, .limits = ret, .err = err };

	*ret = (struct limits){};
	if (!resources)
		return 0;
	if (add_memory(&plan, resources->memory) < 0 || add_cpu(&plan, resources->cpu) < 0 ||
	    add_block_io(&plan, resources->block_io) < 0 || add_hugepages(&plan, resources) < 0 ||
	    add_rdma(&plan, resources) < 0 || add_network(&plan, resources->network) < 0)
		return -1;
	if (is_given(resources->pids_limit)) {
		autofree char *number = xformat("%lld", (long long)resources->pids_limit.value);

		if (add(&plan, "pids.limit", &pids,
			resources->pids_limit.value < 0 ? "max" : number) < 0)
			return -1;
	}
	/* Last: they overrule what was converted. */
	for (size_t i = 0; i < resources->unified.count; i++)
		if (add_unified(&plan, resources->unified.items[i].key,
				resources->unified.items[i].value) < 0)
			return -1;
	return 0;
}
