/* SPDX-License-Identifier: MIT */
/* The host, looked at family by family. */

#include "engine/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#define FOUND_MAX 512

const char *lxcri_health_name(enum lxcri_health health)
{
	static const char *const names[] = {
		[LXCRI_HEALTH_OK] = "ok",
		[LXCRI_HEALTH_INFO] = "info",
		[LXCRI_HEALTH_WARNING] = "warning",
		[LXCRI_HEALTH_FAULT] = "fault",
	};

	return names[health];
}

void doctor_report(struct doctor *doctor, enum lxcri_health health, const struct advice *advice,
		   const char *found, ...)
{
	char text[FOUND_MAX];
	va_list args;

	va_start(args, found);
	(void)vsnprintf(text, sizeof(text), found, args);
	va_end(args);

	const struct lxcri_finding finding = {
		.check = advice->check,
		.health = health,
		.found = text,
		.meaning = health == LXCRI_HEALTH_OK ? NULL : advice->meaning,
		.remedy = health == LXCRI_HEALTH_OK ? NULL : advice->remedy,
	};

	doctor->faults += health == LXCRI_HEALTH_FAULT;
	doctor->report(doctor->userdata, &finding);
}

int lxcri_doctor(struct lxcri_engine *engine, lxcri_finding_fn report, void *userdata,
		 struct lxcri_error *err)
{
	static void (*const families[])(struct doctor * doctor) = {
		doctor_kernel,  doctor_cgroups,  doctor_security, doctor_namespaces,
		doctor_ids,     doctor_runtimes, doctor_helpers,  doctor_storage,
		doctor_network, doctor_clock,    doctor_proxmox,
	};
	struct doctor doctor = { .engine = engine, .report = report, .userdata = userdata };

	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		families[i](&doctor);
	return (int)doctor.faults;
}
