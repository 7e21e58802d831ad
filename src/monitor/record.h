/* SPDX-License-Identifier: MIT */
#pragma once

/* What the monitor writes into state.json: the phase of the container, and what another process
 * needs to end the container when the monitor is killed. */

#include "base/fail.h"
#include "base/strings.h"
#include "runtime/monitor.h"

#include <stdint.h>
#include <sys/types.h>

struct record {
	enum monitor_phase phase;
	pid_t pid; /* the container's first process, 0 when it has ended */
	uint64_t pid_start_time;
	pid_t keeper; /* a process that goes with it, or the same */
	uint64_t keeper_start_time;
	struct strings cgroups; /* absolute; made for this container */
	int exit_code;
	uint64_t oom_kills; /* processes of it that the kernel killed for want of memory */
	int64_t started_ns; /* since the epoch */
	int64_t finished_ns;
};

/* Fills in the processes and what the kernel says of them. */
[[nodiscard]] int record_processes(struct record *record, pid_t pid, pid_t keeper,
				   struct lxcri_error *err);

/* Puts the record into the run directory @run_dirfd, where it bears a lock of this process while
 * *@lock is open, which the next one replaces (-1: it is the first); and durably into @exit_dirfd
 * too, unless that is < 0 or the container has not stopped. */
[[nodiscard]] int record_write(const struct record *record, int run_dirfd, int exit_dirfd,
			       int *lock, struct lxcri_error *err);

/* Frees what @record holds and leaves it empty. Safe to repeat. */
void record_finish(struct record *record);
