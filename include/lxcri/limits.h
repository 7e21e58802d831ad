/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_LIMITS_H
#define LXCRI_LIMITS_H

/* What a container may use of the host, and what it does use. */

#include <lxcri/container.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Changes the limits of @container, at once where it has processes and for every later start:
 * @resources_json is an object like linux.resources of a runtime specification, of which what is
 * absent (or 0, where that means nothing) stays as it is and -1 is no limit. Either all is changed
 * or nothing. LXCRI_E_INVALID_STATE for a stopped container that cannot be started again;
 * LXCRI_E_UNSUPPORTED_OPERATION, LXCRI_E_INVALID_SPEC, LXCRI_E_INVALID_ARGUMENT naming the field.
 */
int lxcri_container_update(struct lxcri_container *container, const char *resources_json,
			   struct lxcri_error *err);

/* Stands for "no limit". */
#define LXCRI_UNLIMITED UINT64_MAX

/* What a container has used up to now. A part whose controller the container has no cgroup of is
 * zeroed and its flag false. */
struct lxcri_stats {
	bool has_cpu;
	uint64_t cpu_total_ns;
	uint64_t cpu_user_ns;
	uint64_t cpu_system_ns;
	uint64_t cpu_periods; /* of the quota; how often, and how long it was reached */
	uint64_t cpu_throttled_periods;
	uint64_t cpu_throttled_ns;

	bool has_memory; /* bytes */
	uint64_t memory_usage;
	uint64_t memory_limit;    /* or LXCRI_UNLIMITED */
	uint64_t memory_inactive; /* of usage: cached files that could go at once */
	uint64_t memory_cache;    /* of usage: all cached files */
	uint64_t swap_usage;
	uint64_t swap_limit; /* without memory, or LXCRI_UNLIMITED */
	uint64_t oom_kills;

	bool has_pids;
	uint64_t pids;
	uint64_t pids_limit; /* or LXCRI_UNLIMITED */

	bool has_io; /* of all block devices */
	uint64_t io_read_bytes;
	uint64_t io_write_bytes;
	uint64_t io_reads;
	uint64_t io_writes;

	bool has_network; /* of all interfaces of a network namespace of its own but "lo" */
	uint64_t network_rx_bytes;
	uint64_t network_rx_packets;
	uint64_t network_rx_errors;
	uint64_t network_rx_dropped;
	uint64_t network_tx_bytes;
	uint64_t network_tx_packets;
	uint64_t network_tx_errors;
	uint64_t network_tx_dropped;
};

/* Reads what @container uses at this moment. LXCRI_E_INVALID_STATE unless it is created, running or
 * paused. */
int lxcri_container_stats(struct lxcri_container *container, struct lxcri_stats *ret_stats,
			  struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
