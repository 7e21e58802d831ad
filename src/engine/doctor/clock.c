/* SPDX-License-Identifier: MIT */
/* The clock: plausible, synchronised, and not set back behind what was recorded. */

#include "engine/doctor/doctor.h"

#include "base/mem.h"
#include "base/moment.h"
#include "engine/record.h"

#include <inttypes.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

/* 2024-01-01: this program is younger. */
#define PLAUSIBLE_SECONDS INT64_C(1704067200)

static int64_t now_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

static void check_time(struct doctor *doctor)
{
	static const struct advice advice = {
		"clock.time",
		"times in records and logs are wrong, certificates seem not valid yet",
		"set the clock: timedatectl set-ntp true, or date --set"
	};
	time_t now = (time_t)now_seconds();
	char text[32] = "";
	struct tm utc;

	if (gmtime_r(&now, &utc))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	doctor_report(doctor, now < PLAUSIBLE_SECONDS ? LXCRI_HEALTH_FAULT : LXCRI_HEALTH_OK,
		      &advice, "%s", text);
}

static void check_synchronised(struct doctor *doctor)
{
	static const struct advice advice = {
		"clock.synchronised", "the clock drifts, and may jump one day",
		"install chrony or systemd-timesyncd; a virtual machine may rely on its host's"
	};
	struct timex state = {};
	bool good = adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);

	doctor_report(doctor, good ? LXCRI_HEALTH_OK : LXCRI_HEALTH_INFO, &advice, "%s",
		      good ? "yes" : "no");
}

/* Records that were made later than now. */
struct future {
	int64_t now_ns;
	unsigned int count;
	char *first;
};

static int note_future(void *userdata, const char *id, const char *json)
{
	struct future *future = userdata;
	autorun(record_finish) struct record record = {};
	struct lxcri_error ignored;

	if (record_parse(json, strlen(json), &record, &ignored) < 0 ||
	    record.created_ns <= future->now_ns)
		return 0;
	if (future->count++ == 0)
		future->first = xstrdup(id);
	return 0;
}

static void check_records(struct doctor *doctor)
{
	static const struct advice advice = {
		"clock.records",
		"the clock was set back: ages that list shows are wrong until it has caught up",
		"set the clock; nothing is lost"
	};
	static const struct advice unreadable = { "clock.records",
						  "whether the clock was set back cannot be seen",
						  "proxmox-lxcri system check" };
	struct future future = { .now_ns = now_seconds() * NS_IN_SECOND + NS_IN_SECOND };
	autoptr(database) database = NULL;
	struct lxcri_error err = {};

	if (!database_exists(doctor->engine->data)) {
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "there are none");
		return;
	}
	if (database_open_read_only(doctor->engine->data, &database, &err) < 0 ||
	    database_each_container(database, note_future, &future, &err) < 0)
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &unreadable, "%s", err.text);
	else if (future.count > 0)
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &advice,
			      "%u container%s made in the future, %s first", future.count,
			      future.count == 1 ? "" : "s", future.first);
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "none is of the future");
	free(future.first);
}

void doctor_clock(struct doctor *doctor)
{
	check_time(doctor);
	check_synchronised(doctor);
	check_records(doctor);
}
