/* SPDX-License-Identifier: MIT */
/* The limits of a specification as items of liblxc's configuration, for version 1 of cgroups and
 * for version 2 by the conversions that the runtime specification's users agree on. On a hybrid
 * host each controller is where it is mounted. */

#include "monitor/lxc/lxc_config.h"

#include "base/mem.h"
#include "base/scope.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct limits {
	const struct lxc_hierarchies *host;
	struct lxc_config *config;
	struct lxcri_error *err;
};

/* Tells whether the files of @controller are those of version 1. */
static bool is_legacy(const struct limits *limits, const char *controller)
{
	autofree char *path = xformat("%s/%s", limits->host->root, controller);

	return !limits->host->unified && access(path, F_OK) == 0;
}

static int add(const struct limits *limits, bool legacy, const char *file, const char *value)
{
	autofree char *key = xformat("lxc.cgroup%s.%s", legacy ? "" : "2", file);

	return lxc_config_add(limits->config, key, value, limits->err);
}

static int add_number(const struct limits *limits, bool legacy, const char *file, int64_t value)
{
	autofree char *text = xformat("%lld", (long long)value);

	return add(limits, legacy, file, text);
}

/* -1 is "max" where version 1 wants the number. */
static int add_limit(const struct limits *limits, bool legacy, const char *file, int64_t value)
{
	if (!legacy && value < 0)
		return add(limits, legacy, file, "max");
	return add_number(limits, legacy, file, value);
}

/* In version 1 swap counts with the memory, in version 2 apart. */
static int add_swap(const struct limits *limits, const struct spec_memory *memory, bool legacy)
{
	int64_t swap = memory->swap.value;

	if (!memory->swap.set)
		return 0;
	if (legacy)
		return add_number(limits, legacy, "memory.memsw.limit_in_bytes", swap);
	if (swap > 0) {
		if (!memory->limit.set || memory->limit.value < 0 || swap < memory->limit.value)
			return fail(limits->err, LXCRI_E_INVALID_SPEC,
				    "linux.resources.memory.swap: less than the memory limit");
		swap -= memory->limit.value;
	}
	return add_limit(limits, legacy, "memory.swap.max", swap);
}

static int add_memory(const struct limits *limits, const struct spec_memory *memory)
{
	bool legacy = is_legacy(limits, "memory");

	if (!memory)
		return 0;
	/* kernel and kernelTCP are deprecated, kernels since 5.16 ignore them, and so do we. */
	if (memory->limit.set &&
	    add_limit(limits, legacy, legacy ? "memory.limit_in_bytes" : "memory.max",
		      memory->limit.value) < 0)
		return -1;
	if (memory->reservation.set &&
	    add_limit(limits, legacy, legacy ? "memory.soft_limit_in_bytes" : "memory.low",
		      memory->reservation.value) < 0)
		return -1;
	if (add_swap(limits, memory, legacy) < 0)
		return -1;
	if (legacy && memory->swappiness.set &&
	    add_number(limits, legacy, "memory.swappiness", (int64_t)memory->swappiness.value) < 0)
		return -1;
	if (legacy && memory->disable_oom_killer)
		return add_number(limits, legacy, "memory.oom_control", 1);
	return 0;
}

/* 2…262144 onto 1…10000, as all runtimes do it. */
static int64_t weight_of_shares(uint64_t shares)
{
	if (shares < 2)
		shares = 2;
	if (shares > 262144)
		shares = 262144;
	return (int64_t)(1 + ((shares - 2) * 9999) / 262142);
}

static int add_legacy_quota(const struct limits *limits, const struct spec_cpu *cpu)
{
	/* The period first: the quota is checked against it. */
	if (cpu->period.set && cpu->period.value &&
	    add_number(limits, true, "cpu.cfs_period_us", (int64_t)cpu->period.value) < 0)
		return -1;
	if (cpu->quota.set && cpu->quota.value &&
	    add_number(limits, true, "cpu.cfs_quota_us", cpu->quota.value) < 0)
		return -1;
	if (cpu->realtime_period.set &&
	    add_number(limits, true, "cpu.rt_period_us", (int64_t)cpu->realtime_period.value) < 0)
		return -1;
	if (cpu->realtime_runtime.set)
		return add_number(limits, true, "cpu.rt_runtime_us", cpu->realtime_runtime.value);
	return 0;
}

static int add_quota(const struct limits *limits, const struct spec_cpu *cpu)
{
	uint64_t period = cpu->period.set && cpu->period.value ? cpu->period.value : 100000;
	autofree char *quota = cpu->quota.set && cpu->quota.value > 0
				       ? xformat("%lld", (long long)cpu->quota.value)
				       : xstrdup("max");
	autofree char *value = xformat("%s %llu", quota, (unsigned long long)period);

	if (!cpu->period.set && (!cpu->quota.set || cpu->quota.value == 0))
		return 0;
	return add(limits, false, "cpu.max", value);
}

static int add_cpu_bandwidth(const struct limits *limits, const struct spec_cpu *cpu, bool legacy)
{
	if ((legacy ? add_legacy_quota(limits, cpu) : add_quota(limits, cpu)) < 0)
		return -1;
	if (cpu->burst.set)
		return add_number(limits, legacy, legacy ? "cpu.cfs_burst_us" : "cpu.max.burst",
				  (int64_t)cpu->burst.value);
	return 0;
}

static int add_cpu(const struct limits *limits, const struct spec_cpu *cpu)
{
	bool legacy = is_legacy(limits, "cpu");
	bool legacy_sets = is_legacy(limits, "cpuset");

	if (!cpu)
		return 0;
	if (cpu->shares.set && cpu->shares.value &&
	    add_number(limits, legacy, legacy ? "cpu.shares" : "cpu.weight",
		       legacy ? (int64_t)cpu->shares.value : weight_of_shares(cpu->shares.value)) <
		    0)
		return -1;
	if (add_cpu_bandwidth(limits, cpu, legacy) < 0)
		return -1;
	if (cpu->idle.set && add_number(limits, legacy, "cpu.idle", cpu->idle.value) < 0)
		return -1;
	if (cpu->cpus && *cpu->cpus && add(limits, legacy_sets, "cpuset.cpus", cpu->cpus) < 0)
		return -1;
	if (cpu->mems && *cpu->mems && add(limits, legacy_sets, "cpuset.mems", cpu->mems) < 0)
		return -1;
	return 0;
}

static int add_throttle(const struct limits *limits, const struct spec_throttle *throttle,
			const char *legacy_file, const char *key)
{
	bool legacy = is_legacy(limits, "blkio");

	for (size_t i = 0; i < throttle->count; i++) {
		const struct spec_throttle_device *device = &throttle->items[i];
		autofree char *value = xformat("%lld:%lld %s%s%llu", (long long)device->major,
					       (long long)device->minor, legacy ? "" : key,
					       legacy ? "" : "=", (unsigned long long)device->rate);

		if (add(limits, legacy, legacy ? legacy_file : "io.max", value) < 0)
			return -1;
	}
	return 0;
}

static int add_block_io(const struct limits *limits, const struct spec_block_io *io)
{
	bool legacy = is_legacy(limits, "blkio");

	if (!io)
		return 0;
	if (io->weight.set && io->weight.value >= 10) {
		/* 10…1000 onto 1…10000. */
		int64_t weight = (int64_t)io->weight.value;

		if (add_number(limits, legacy, legacy ? "blkio.bfq.weight" : "io.weight",
			       legacy ? weight : 1 + (weight - 10) * 9999 / 990) < 0)
			return -1;
	}
	if (add_throttle(limits, &io->read_bps, "blkio.throttle.read_bps_device", "rbps") < 0 ||
	    add_throttle(limits, &io->write_bps, "blkio.throttle.write_bps_device", "wbps") < 0 ||
	    add_throttle(limits, &io->read_iops, "blkio.throttle.read_iops_device", "riops") < 0)
		return -1;
	return add_throttle(limits, &io->write_iops, "blkio.throttle.write_iops_device", "wiops");
}

static int add_hugepages(const struct limits *limits, const struct spec_resources *resources)
{
	bool legacy = is_legacy(limits, "hugetlb");

	for (size_t i = 0; i < resources->n_hugepage_limits; i++) {
		const struct spec_hugepage_limit *limit = &resources->hugepage_limits[i];
		autofree char *file = xformat("hugetlb.%s.%s", limit->page_size,
					      legacy ? "limit_in_bytes" : "max");
		autofree char *value = xformat("%llu", (unsigned long long)limit->limit_bytes);

		if (add(limits, legacy, file, value) < 0)
			return -1;
	}
	return 0;
}

static int add_rdma(const struct limits *limits, const struct spec_resources *resources)
{
	for (size_t i = 0; i < resources->n_rdma; i++) {
		const struct spec_rdma *rdma = &resources->rdma[i];
		autorun(freep) char *value = xstrdup(rdma->device);

		if (rdma->hca_handles.set) {
			char *more = xformat("%s hca_handle=%llu", value,
					     (unsigned long long)rdma->hca_handles.value);
			free(value);
			value = more;
		}
		if (rdma->hca_objects.set) {
			char *more = xformat("%s hca_object=%llu", value,
					     (unsigned long long)rdma->hca_objects.value);
			free(value);
			value = more;
		}
		if (add(limits, is_legacy(limits, "rdma"), "rdma.max", value) < 0)
			return -1;
	}
	return 0;
}

static int add_network(const struct limits *limits, const struct spec_network *network)
{
	if (!network)
		return 0;
	if (network->class_id.set && is_legacy(limits, "net_cls") &&
	    add_number(limits, true, "net_cls.classid", (int64_t)network->class_id.value) < 0)
		return -1;
	for (size_t i = 0; i < network->n_priorities && is_legacy(limits, "net_prio"); i++) {
		autofree char *value = xformat("%s %u", network->priorities[i].name,
					       network->priorities[i].priority);

		if (add(limits, true, "net_prio.ifpriomap", value) < 0)
			return -1;
	}
	return 0;
}

int lxc_config_limits(const struct spec_resources *resources, const struct lxc_hierarchies *host,
		      struct lxc_config *config, struct lxcri_error *err)
{
	const struct limits limits = { .host = host, .config = config, .err = err };

	if (add_memory(&limits, resources->memory) < 0 || add_cpu(&limits, resources->cpu) < 0 ||
	    add_block_io(&limits, resources->block_io) < 0 ||
	    add_hugepages(&limits, resources) < 0 || add_rdma(&limits, resources) < 0 ||
	    add_network(&limits, resources->network) < 0)
		return -1;
	if (resources->pids_limit.set && resources->pids_limit.value != 0) {
		int64_t max = resources->pids_limit.value;
		bool legacy = is_legacy(&limits, "pids");

		if (max < 0 ? add(&limits, legacy, "pids.max", "max") < 0
			    : add_number(&limits, legacy, "pids.max", max) < 0)
			return -1;
	}
	/* Last, and literally: they overrule what was converted. */
	for (size_t i = 0; i < resources->unified.count; i++)
		if (add(&limits, false, resources->unified.items[i].key,
			resources->unified.items[i].value) < 0)
			return -1;
	return 0;
}
