/* SPDX-License-Identifier: MIT */
#pragma once

/* The options that limit what a container uses, of run, create and update. */

#include "base/json.h"
#include "base/strings.h"
#include "cli/options.h"

/* As the command line has them; zeroed: none is given. Texts are NULL then. */
struct limit_options {
	const char *memory;
	const char *memory_reservation;
	const char *memory_swap;
	const char *memory_swappiness;
	bool oom_kill_disable;
	const char *cpus;
	const char *cpu_shares;
	const char *cpu_quota;
	const char *cpu_period;
	const char *cpu_burst;
	const char *cpu_idle;
	const char *cpu_rt_period;
	const char *cpu_rt_runtime;
	const char *cpuset_cpus;
	const char *cpuset_mems;
	const char *pids_limit;
	const char *blkio_weight;
	struct strings blkio_weight_devices;
	struct strings read_bps;
	struct strings write_bps;
	struct strings read_iops;
	struct strings write_iops;
	struct strings unified;
};

/* Rows of a table of options whose struct_ has a struct limit_options called member_. */
#define LIMIT_OPTION(struct_, member_, form_, field_, name_, letter_, kind_, value_, help_)       \
	{                                                                                         \
		name_, letter_, OPTION_##kind_, offsetof(struct struct_, member_.field_), value_, \
			help_, form_                                                              \
	}
/* clang-format off */
#define LIMIT_OPTIONS(s_, m_, f_) \
	LIMIT_OPTION(s_, m_, f_, memory, "memory", 'm', TEXT, "SIZE", "memory limit; -1 is none"), \
	LIMIT_OPTION(s_, m_, f_, memory_reservation, "memory-reservation", 0, TEXT, "SIZE", \
		     "memory that is left to it when the host runs short"), \
	LIMIT_OPTION(s_, m_, f_, memory_swap, "memory-swap", 0, TEXT, "SIZE", \
		     "limit of memory and swap together; -1 is none"), \
	LIMIT_OPTION(s_, m_, f_, memory_swappiness, "memory-swappiness", 0, TEXT, "N", \
		     "how readily memory is swapped, 0 to 100 (cgroups version 1)"), \
	LIMIT_OPTION(s_, m_, f_, oom_kill_disable, "oom-kill-disable", 0, FLAG, NULL, \
		     "wait instead of a kill without memory (cgroups version 1)"), \
	LIMIT_OPTION(s_, m_, f_, cpus, "cpus", 0, TEXT, "N", "CPU limit in cores"), \
	LIMIT_OPTION(s_, m_, f_, cpu_shares, "cpu-shares", 'c', TEXT, "N", \
		     "share of the CPUs when they are short, 2 to 262144"), \
	LIMIT_OPTION(s_, m_, f_, cpu_shares, "cpu-share", 0, TEXT, "N", "the same, as runc has it"), \
	LIMIT_OPTION(s_, m_, f_, cpu_quota, "cpu-quota", 0, TEXT, "US", \
		     "microseconds of CPU in each period; -1 is no limit"), \
	LIMIT_OPTION(s_, m_, f_, cpu_period, "cpu-period", 0, TEXT, "US", \
		     "length of a period (100000)"), \
	LIMIT_OPTION(s_, m_, f_, cpu_burst, "cpu-burst", 0, TEXT, "US", \
		     "unused quota that may be saved up"), \
	LIMIT_OPTION(s_, m_, f_, cpu_idle, "cpu-idle", 0, TEXT, "0|1", \
		     "only CPU time that nobody else wants"), \
	LIMIT_OPTION(s_, m_, f_, cpu_rt_period, "cpu-rt-period", 0, TEXT, "US", \
		     "period of realtime processes (cgroups version 1)"), \
	LIMIT_OPTION(s_, m_, f_, cpu_rt_runtime, "cpu-rt-runtime", 0, TEXT, "US", \
		     "their share of it (cgroups version 1)"), \
	LIMIT_OPTION(s_, m_, f_, cpuset_cpus, "cpuset-cpus", 0, TEXT, "LIST", "CPUs to use: 0-2,7"), \
	LIMIT_OPTION(s_, m_, f_, cpuset_mems, "cpuset-mems", 0, TEXT, "LIST", "memory nodes to use"), \
	LIMIT_OPTION(s_, m_, f_, pids_limit, "pids-limit", 0, TEXT, "N", \
		     "limit of processes; -1 is none"), \
	LIMIT_OPTION(s_, m_, f_, blkio_weight, "blkio-weight", 0, TEXT, "N", \
		     "share of block devices, 10 to 1000"), \
	LIMIT_OPTION(s_, m_, f_, blkio_weight_devices, "blkio-weight-device", 0, LIST, "DEV:N", \
		     "the same of one device"), \
	LIMIT_OPTION(s_, m_, f_, read_bps, "device-read-bps", 0, LIST, "DEV:SIZE", \
		     "bytes a second read from a device"), \
	LIMIT_OPTION(s_, m_, f_, write_bps, "device-write-bps", 0, LIST, "DEV:SIZE", \
		     "bytes a second written to a device"), \
	LIMIT_OPTION(s_, m_, f_, read_iops, "device-read-iops", 0, LIST, "DEV:N", \
		     "reads a second from a device"), \
	LIMIT_OPTION(s_, m_, f_, write_iops, "device-write-iops", 0, LIST, "DEV:N", \
		     "writes a second to a device"), \
	LIMIT_OPTION(s_, m_, f_, unified, "cgroup-conf", 0, LIST, "FILE=VALUE", \
		     "a control file of cgroups version 2")
/* clang-format on */

/* Returns what was given as an object like linux.resources of a runtime specification, owned by the
 * caller; NULL when nothing was. A malformed value is LXCRI_E_INVALID_ARGUMENT naming its option.
 */
[[nodiscard]] int limit_options_format(const struct limit_options *options,
				       struct json_object **ret, struct lxcri_error *err);
