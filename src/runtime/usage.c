/* SPDX-License-Identifier: MIT */
/* What a container uses. */

#include "runtime/usage.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* A file that a kernel does not have counts nothing. */
static uint64_t number(const char *dir, const char *file, uint64_t otherwise)
{
	uint64_t value;

	return cgroup_read_number(dir, file, &value) < 0 ? otherwise : value;
}

static uint64_t keyed(const char *dir, const char *file, const char *key)
{
	uint64_t value;

	return cgroup_read_key(dir, file, key, &value) < 0 ? 0 : value;
}

static void read_cpu_v1(const struct cgroup_host *host, const struct strings *cgroups,
			const char *dir, struct lxcri_stats *stats)
{
	enum cgroup_version version;
	const char *bandwidth = cgroup_find(host, cgroups, "cpu", &version);

	stats->cpu_total_ns = number(dir, "cpuacct.usage", 0);
	stats->cpu_user_ns = number(dir, "cpuacct.usage_user", 0);
	stats->cpu_system_ns = number(dir, "cpuacct.usage_sys", 0);
	if (!bandwidth)
		return;
	stats->cpu_periods = keyed(bandwidth, "cpu.stat", "nr_periods");
	stats->cpu_throttled_periods = keyed(bandwidth, "cpu.stat", "nr_throttled");
	stats->cpu_throttled_ns = keyed(bandwidth, "cpu.stat", "throttled_time");
}

static void read_cpu(const struct cgroup_host *host, const struct strings *cgroups,
		     struct lxcri_stats *stats)
{
	enum cgroup_version version;
	const char *dir = cgroup_find(host, cgroups, "cpuacct", &version);

	/* Version 2 counts time also where the controller is not enabled. */
	if (!dir && host->unified && cgroups->count > 0) {
		dir = cgroups->items[0];
		version = CGROUP_V2;
	}
	if (!dir)
		return;
	stats->has_cpu = true;
	if (version == CGROUP_V1) {
		read_cpu_v1(host, cgroups, dir, stats);
		return;
	}
	stats->cpu_total_ns = 1000 * keyed(dir, "cpu.stat", "usage_usec");
	stats->cpu_user_ns = 1000 * keyed(dir, "cpu.stat", "user_usec");
	stats->cpu_system_ns = 1000 * keyed(dir, "cpu.stat", "system_usec");
	stats->cpu_periods = keyed(dir, "cpu.stat", "nr_periods");
	stats->cpu_throttled_periods = keyed(dir, "cpu.stat", "nr_throttled");
	stats->cpu_throttled_ns = 1000 * keyed(dir, "cpu.stat", "throttled_usec");
}

static void read_memory_v1(const char *dir, struct lxcri_stats *stats)
{
	uint64_t both = number(dir, "memory.memsw.limit_in_bytes", UINT64_MAX);

	stats->memory_usage = number(dir, "memory.usage_in_bytes", 0);
	stats->memory_limit = number(dir, "memory.limit_in_bytes", UINT64_MAX);
	stats->memory_inactive = keyed(dir, "memory.stat", "total_inactive_file");
	stats->memory_cache = keyed(dir, "memory.stat", "total_cache");
	stats->swap_usage = keyed(dir, "memory.stat", "total_swap");
	stats->swap_limit = both == UINT64_MAX || stats->memory_limit == UINT64_MAX
				    ? UINT64_MAX
				    : both - stats->memory_limit;
}

static void read_memory_v2(const char *dir, struct lxcri_stats *stats)
{
	stats->memory_usage = number(dir, "memory.current", 0);
	stats->memory_limit = number(dir, "memory.max", UINT64_MAX);
	stats->memory_inactive = keyed(dir, "memory.stat", "inactive_file");
	stats->memory_cache = keyed(dir, "memory.stat", "file");
	stats->swap_usage = number(dir, "memory.swap.current", 0);
	stats->swap_limit = number(dir, "memory.swap.max", UINT64_MAX);
}

static void read_memory(const struct cgroup_host *host, const struct strings *cgroups,
			struct lxcri_stats *stats)
{
	enum cgroup_version version;
	const char *dir = cgroup_find(host, cgroups, "memory", &version);

	if (!dir)
		return;
	stats->has_memory = true;
	if (version == CGROUP_V1)
		read_memory_v1(dir, stats);
	else
		read_memory_v2(dir, stats);
	stats->oom_kills = cgroup_oom_kills(host, cgroups);
}

static void read_pids(const struct cgroup_host *host, const struct strings *cgroups,
		      struct lxcri_stats *stats)
{
	enum cgroup_version version;
	const char *dir = cgroup_find(host, cgroups, "pids", &version);

	if (!dir)
		return;
	stats->has_pids = true;
	stats->pids = number(dir, "pids.current", 0);
	stats->pids_limit = number(dir, "pids.max", UINT64_MAX);
}

/* Adds what one line of version 1 says: "8:0 Read 4096". */
static void add_io_v1(const char *line, uint64_t *reads, uint64_t *writes)
{
	char operation[16];
	unsigned long long value;

	if (sscanf(line, "%*u:%*u %15s %llu", operation, &value) != 2)
		return;
	if (strcmp(operation, "Read") == 0)
		*reads += value;
	else if (strcmp(operation, "Write") == 0)
		*writes += value;
}

static void read_io_v1(const char *dir, const char *file, uint64_t *reads, uint64_t *writes)
{
	autofree char *text = NULL;
	char *rest;

	if (cgroup_read_text(dir, file, &text) < 0)
		return;
	rest = text;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		add_io_v1(line, reads, writes);
}

/* Each line is "8:0 rbytes=4096 wbytes=0 rios=1 …". */
static void read_io_v2(const char *dir, struct lxcri_stats *stats)
{
	const struct {
		const char *key;
		uint64_t *sum;
	} keys[] = {
		{ "rbytes=", &stats->io_read_bytes },
		{ "wbytes=", &stats->io_write_bytes },
		{ "rios=", &stats->io_reads },
		{ "wios=", &stats->io_writes },
	};
	autofree char *text = NULL;
	char *rest;

	if (cgroup_read_text(dir, "io.stat", &text) < 0)
		return;
	rest = text;
	for (char *word = strsep(&rest, " \n"); word; word = strsep(&rest, " \n"))
		for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
			size_t length = strlen(keys[i].key);
			uint64_t value;

			if (strncmp(word, keys[i].key, length) == 0 &&
			    text_parse_u64(word + length, 0, UINT64_MAX, &value) == 0)
				*keys[i].sum += value;
		}
}

static void read_io(const struct cgroup_host *host, const struct strings *cgroups,
		    struct lxcri_stats *stats)
{
	enum cgroup_version version;
	const char *dir = cgroup_find(host, cgroups, "blkio", &version);

	if (!dir)
		return;
	stats->has_io = true;
	if (version == CGROUP_V2) {
		read_io_v2(dir, stats);
		return;
	}
	read_io_v1(dir, "blkio.throttle.io_service_bytes_recursive", &stats->io_read_bytes,
		   &stats->io_write_bytes);
	read_io_v1(dir, "blkio.throttle.io_serviced_recursive", &stats->io_reads,
		   &stats->io_writes);
}

void usage_read_cgroups(const struct cgroup_host *host, const struct strings *cgroups,
			struct lxcri_stats *stats)
{
	read_cpu(host, cgroups, stats);
	read_memory(host, cgroups, stats);
	read_pids(host, cgroups, stats);
	read_io(host, cgroups, stats);
}

/* The columns of a line: 8 received, 8 sent, behind "NAME:". */
static bool parse_interface(const char *line, unsigned long long values[static 16])
{
	const char *colon = strchr(line, ':');
	int used = 0;

	for (size_t i = 0; colon && i < 16; i++) {
		colon += i == 0 ? 1 : used;
		if (sscanf(colon, " %20llu%n", &values[i], &used) != 1)
			return false;
	}
	return colon != NULL;
}

void usage_add_network(const char *text, struct lxcri_stats *stats)
{
	autofree char *copy = xstrdup(text);
	char *rest = copy;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		unsigned long long values[16];

		line += strspn(line, " ");
		if (strncmp(line, "lo:", 3) == 0 || !parse_interface(line, values))
			continue;
		stats->network_rx_bytes += values[0];
		stats->network_rx_packets += values[1];
		stats->network_rx_errors += values[2];
		stats->network_rx_dropped += values[3];
		stats->network_tx_bytes += values[8];
		stats->network_tx_packets += values[9];
		stats->network_tx_errors += values[10];
		stats->network_tx_dropped += values[11];
	}
}
