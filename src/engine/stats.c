/* SPDX-License-Identifier: MIT */
/* What a container uses. */

#include "engine/stats.h"

#include "base/mem.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "os/file.h"
#include "os/process.h"
#include "runtime/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NET_DEV_BYTES_MAX (16u << 20)

/* Counts the interfaces of the network namespace of @pid, unless that is ours: what the host sends
 * is not the container's. */
static void read_network(pid_t pid, uint64_t start_time, struct lxcri_stats *stats)
{
	autofree char *path = xformat("/proc/%d", (int)pid);
	autoclose int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autofree char *text = NULL;
	struct stat theirs;
	struct stat ours;
	uint64_t now;
	size_t size;

	/* What is read through the directory is of one process; the look behind it tells whose. */
	if (dir < 0 || fstatat(dir, "ns/net", &theirs, 0) < 0 ||
	    stat("/proc/self/ns/net", &ours) < 0 || theirs.st_ino == ours.st_ino ||
	    file_read(dir, "net/dev", NET_DEV_BYTES_MAX, &text, &size) < 0 ||
	    process_start_time(pid, &now) < 0 || now != start_time)
		return;
	stats->has_network = true;
	usage_add_network(text, stats);
}

int lxcri_container_stats(struct lxcri_container *container, struct lxcri_stats *ret_stats,
			  struct lxcri_error *err)
{
	const struct cgroup_host host = cgroup_host_get();
	autorun(strings_finish) struct strings cgroups = {};

	if (container_refresh(container, err) < 0 ||
	    container_need_alive(container, "stats", err) < 0)
		return -1;
	if (ct_is(container))
		return ct_stats(container, ret_stats, err) < 0
			       ? fail_while(err, "stats %s", container->home.id)
			       : 0;
	if (monitor_read_cgroups(container->home.run_fd, &cgroups, err) < 0)
		return fail_while(err, "stats %s", container->home.id);
	*ret_stats = (struct lxcri_stats){};
	usage_read_cgroups(&host, &cgroups, ret_stats);
	if (!ret_stats->has_cpu && !ret_stats->has_memory && !ret_stats->has_pids)
		return fail(err, LXCRI_E_INVALID_STATE,
			    "stats %s: its cgroups are gone, or have no controller",
			    container->home.id);
	read_network(container->state.pid, container->state.pid_start_time, ret_stats);
	return 0;
}

static void add(struct json_object *object, const char *key, uint64_t value)
{
	if (value != LXCRI_UNLIMITED)
		json_object_object_add(object, key, json_object_new_uint64(value));
}

static struct json_object *add_object(struct json_object *parent, const char *key)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(parent, key, object);
	return object;
}

static void format_cpu(const struct lxcri_stats *stats, struct json_object *data)
{
	struct json_object *cpu = add_object(data, "cpu");
	struct json_object *usage = add_object(cpu, "usage");
	struct json_object *throttling = add_object(cpu, "throttling");

	add(usage, "total", stats->cpu_total_ns);
	add(usage, "user", stats->cpu_user_ns);
	add(usage, "kernel", stats->cpu_system_ns);
	add(throttling, "periods", stats->cpu_periods);
	add(throttling, "throttledPeriods", stats->cpu_throttled_periods);
	add(throttling, "throttledTime", stats->cpu_throttled_ns);
}

static void format_memory(const struct lxcri_stats *stats, struct json_object *data)
{
	struct json_object *memory = add_object(data, "memory");
	struct json_object *usage = add_object(memory, "usage");
	struct json_object *swap = add_object(memory, "swap");

	add(usage, "usage", stats->memory_usage);
	add(usage, "limit", stats->memory_limit);
	add(memory, "cache", stats->memory_cache);
	add(memory, "inactiveFile", stats->memory_inactive);
	add(swap, "usage", stats->swap_usage);
	add(swap, "limit", stats->swap_limit);
	add(memory, "oomKills", stats->oom_kills);
}

static void format_network(const struct lxcri_stats *stats, struct json_object *data)
{
	struct json_object *network = add_object(data, "network");

	add(network, "rxBytes", stats->network_rx_bytes);
	add(network, "rxPackets", stats->network_rx_packets);
	add(network, "rxErrors", stats->network_rx_errors);
	add(network, "rxDropped", stats->network_rx_dropped);
	add(network, "txBytes", stats->network_tx_bytes);
	add(network, "txPackets", stats->network_tx_packets);
	add(network, "txErrors", stats->network_tx_errors);
	add(network, "txDropped", stats->network_tx_dropped);
}

struct json_object *stats_format(const struct lxcri_stats *stats)
{
	struct json_object *data = json_object_new_object();

	if (stats->has_cpu)
		format_cpu(stats, data);
	if (stats->has_memory)
		format_memory(stats, data);
	if (stats->has_pids) {
		struct json_object *pids = add_object(data, "pids");

		add(pids, "current", stats->pids);
		add(pids, "limit", stats->pids_limit);
	}
	if (stats->has_io) {
		struct json_object *io = add_object(data, "blkio");

		add(io, "readBytes", stats->io_read_bytes);
		add(io, "writeBytes", stats->io_write_bytes);
		add(io, "reads", stats->io_reads);
		add(io, "writes", stats->io_writes);
	}
	if (stats->has_network)
		format_network(stats, data);
	return data;
}

int stats_json(struct lxcri_container *container, struct json_object **ret, struct lxcri_error *err)
{
	struct lxcri_stats stats;

	if (lxcri_container_stats(container, &stats, err) < 0)
		return -1;
	*ret = stats_format(&stats);
	return 0;
}
