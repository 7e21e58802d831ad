/* SPDX-License-Identifier: MIT */
/* What the monitor writes into state.json. */

#include "monitor/record.h"

#include "base/scope.h"
#include "base/text.h"
#include "os/cgroup/cgroup.h"
#include "os/file.h"
#include "os/process.h"
#include "runtime/wire.h"

#include <inttypes.h>

int record_processes(struct record *record, pid_t pid, pid_t keeper, struct lxcri_error *err)
{
	int r;

	record->pid = pid;
	record->keeper = keeper;
	r = process_start_time(pid, &record->pid_start_time);
	if (r == 0)
		r = process_start_time(keeper, &record->keeper_start_time);
	if (r == 0)
		r = cgroup_list_own(pid, &record->cgroups);
	if (r == 0 && keeper != pid)
		r = cgroup_list_own(keeper, &record->cgroups);
	return r < 0 ? fail_errno(err, r, "look at the container's first process") : 0;
}

static void format(const struct record *record, struct text *json)
{
	text_addf(json, "{\"version\":%d", MONITOR_STATE_VERSION);
	text_addf(json, ",\"phase\":\"%s\",\"pid\":%d,\"pid_start_time\":%" PRIu64,
		  wire_phases[record->phase], (int)record->pid, record->pid_start_time);
	text_addf(json, ",\"keeper\":%d,\"keeper_start_time\":%" PRIu64, (int)record->keeper,
		  record->keeper_start_time);
	text_addf(json, ",\"exit_code\":%d,\"started_ns\":%" PRId64 ",\"finished_ns\":%" PRId64,
		  record->exit_code, record->started_ns, record->finished_ns);
	text_addf(json, ",\"oom_kills\":%" PRIu64 ",\"cgroups\":[", record->oom_kills);
	for (size_t i = 0; i < record->cgroups.count; i++) {
		text_add(json, i > 0 ? "," : "");
		text_add_quoted(json, record->cgroups.items[i]);
	}
	text_add(json, "]}\n");
}

int record_write(const struct record *record, int run_dirfd, int exit_dirfd, int *lock,
		 struct lxcri_error *err)
{
	autorun(text_finish) struct text json = {};
	int written = -1;
	int durable = 0;
	int r;

	format(record, &json);
	/* The copy that must survive comes first: who sees "stopped" in the run directory may
	 * remove that directory. On a full disk the other one still tells until the next boot. */
	if (exit_dirfd >= 0 && record->phase == MONITOR_STOPPED)
		durable = file_write_atomic(exit_dirfd, WIRE_STATE, json.data, json.length, 0600,
					    FILE_DURABLE);
	r = file_write_locked(run_dirfd, WIRE_STATE, json.data, json.length, 0600, &written);
	if (r < 0)
		return fail_errno(err, r, "write " WIRE_STATE);
	closep(lock);
	*lock = written;
	return durable < 0 ? fail_errno(err, durable, "write the exit record") : 0;
}

void record_finish(struct record *record)
{
	strings_finish(&record->cgroups);
	*record = (struct record){};
}
