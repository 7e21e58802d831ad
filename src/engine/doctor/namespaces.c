/* SPDX-License-Identifier: MIT */
/* Namespaces: which kinds there are, and how many of each may be made. */

#include "engine/doctor/doctor.h"
#include "engine/doctor/probe.h"

#include "base/mem.h"

#include <inttypes.h>

/* A container needs one of each kind; fewer than these are soon used up. */
#define LIMIT_LOW 64

static const struct kind {
	const char *name;  /* as /proc/PID/ns/ spells it */
	const char *check; /* ours */
} kinds[] = {
	{ "mnt", "namespaces.mount" },   { "pid", "namespaces.pid" },
	{ "net", "namespaces.network" }, { "ipc", "namespaces.ipc" },
	{ "uts", "namespaces.uts" },     { "cgroup", "namespaces.cgroup" },
	{ "user", "namespaces.user" },
};

static void check_kind(struct doctor *doctor, const struct kind *kind)
{
	autofree char *file = xformat("/proc/self/ns/%s", kind->name);
	autofree char *limit_file = xformat("/proc/sys/user/max_%s_namespaces", kind->name);
	autofree char *remedy = xformat("sysctl user.max_%s_namespaces=65536", kind->name);
	const struct advice absent = { kind->check, "containers that ask for one cannot be made",
				       "boot a kernel that has this kind of namespace" };
	const struct advice few = { kind->check, "containers beyond this number cannot be made",
				    remedy };
	uint64_t limit = 0;

	if (access(file, F_OK) < 0) {
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &absent, "the kernel has none");
		return;
	}
	if (probe_read_number(limit_file, &limit) < 0) {
		doctor_report(doctor, LXCRI_HEALTH_OK, &few, "there, without a limit");
		return;
	}
	doctor_report(doctor,
		      limit == 0          ? LXCRI_HEALTH_FAULT
		      : limit < LIMIT_LOW ? LXCRI_HEALTH_WARNING
					  : LXCRI_HEALTH_OK,
		      &few, "at most %" PRIu64, limit);
}

/* Debian's own switch; root may make them in any case. */
static void check_unprivileged(struct doctor *doctor)
{
	static const struct advice advice = {
		"namespaces.unprivileged",
		"processes inside of containers cannot make user namespaces of their own, as some "
		"browsers and build tools do",
		"sysctl kernel.unprivileged_userns_clone=1, where they are needed"
	};
	uint64_t allowed = 1;

	if (probe_read_number("/proc/sys/kernel/unprivileged_userns_clone", &allowed) < 0)
		return; /* another kernel than Debian's */
	doctor_report(doctor, allowed ? LXCRI_HEALTH_OK : LXCRI_HEALTH_INFO, &advice, "%s",
		      allowed ? "allowed" : "not allowed");
}

void doctor_namespaces(struct doctor *doctor)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		check_kind(doctor, &kinds[i]);
	check_unprivileged(doctor);
}
