/* SPDX-License-Identifier: MIT */
/* Control groups: how they are mounted, which controllers there are, whether we may make some. */

#include "engine/doctor/doctor.h"
#include "engine/doctor/probe.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROOT "/sys/fs/cgroup"

static enum probe_cgroups check_version(struct doctor *doctor)
{
	static const struct advice none = { "cgroups.version", "no container can be made",
					    "mount cgroup2 at " ROOT ", as systemd does at boot" };
	static const struct advice old = {
		"cgroups.version",
		"it works, but some limits of version 2 (io latency, memory.high) are not there",
		"boot with systemd.unified_cgroup_hierarchy=1"
	};
	static const char *const names[] = {
		[PROBE_CGROUPS_NONE] = "not mounted at " ROOT,
		[PROBE_CGROUPS_V1] = "version 1",
		[PROBE_CGROUPS_HYBRID] = "version 1, with version 2 beside it (hybrid)",
		[PROBE_CGROUPS_V2] = "version 2",
	};
	enum probe_cgroups found = probe_cgroups();

	doctor_report(doctor,
		      found == PROBE_CGROUPS_NONE ? LXCRI_HEALTH_FAULT
		      : found == PROBE_CGROUPS_V2 ? LXCRI_HEALTH_OK
						  : LXCRI_HEALTH_INFO,
		      found == PROBE_CGROUPS_NONE ? &none : &old, "%s", names[found]);
	return found;
}

/* Tells whether @word is one of the words of @list. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; at && (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

struct controller {
	struct advice advice;
	const char *name;
	const char *directory; /* of version 1 */
};

static bool has_controller(enum probe_cgroups mounted, const char *list,
			   const struct controller *controller)
{
	if (has_word(list, controller->name))
		return true;
	return mounted != PROBE_CGROUPS_V2 && access(controller->directory, F_OK) == 0;
}

static void check_controllers(struct doctor *doctor, enum probe_cgroups mounted)
{
	static const struct controller controllers[] = {
		{ { "cgroups.memory",
		    "memory limits are refused, and a container can take all of it",
		    "boot with cgroup_enable=memory" },
		  "memory",
		  ROOT "/memory" },
		{ { "cgroups.cpu", "CPU limits are refused",
		    "boot a kernel with CONFIG_CGROUP_SCHED" },
		  "cpu",
		  ROOT "/cpu" },
		{ { "cgroups.pids", "limits of processes are refused: a fork bomb reaches the host",
		    "boot a kernel with CONFIG_CGROUP_PIDS" },
		  "pids",
		  ROOT "/pids" },
		{ { "cgroups.cpuset", "containers cannot be bound to processors",
		    "boot a kernel with CONFIG_CPUSETS" },
		  "cpuset",
		  ROOT "/cpuset" },
		{ { "cgroups.io", "limits of disk throughput are refused",
		    "boot a kernel with CONFIG_BLK_CGROUP" },
		  "io",
		  ROOT "/blkio" },
	};
	autofree char *list =
		probe_read(mounted == PROBE_CGROUPS_V2 ? ROOT "/cgroup.controllers"
						       : ROOT "/unified/cgroup.controllers");

	for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
		bool there = has_controller(mounted, list, &controllers[i]);

		doctor_report(doctor, there ? LXCRI_HEALTH_OK : LXCRI_HEALTH_WARNING,
			      &controllers[i].advice, "%s", there ? "there" : "missing");
	}
}

/* Whether cgroups can be made shows the mount; as root nothing else keeps us from it. */
static void check_delegation(struct doctor *doctor, enum probe_cgroups mounted)
{
	static const struct advice advice = {
		"cgroups.delegation", "no container can be made: its cgroup cannot be made",
		"run it where the cgroup file system is writable: on the host itself, or in a "
		"container or unit that cgroups are delegated to (Delegate=yes)"
	};
	const char *dir = mounted == PROBE_CGROUPS_V2       ? ROOT
			  : access(ROOT "/pids", F_OK) == 0 ? ROOT "/pids"
							    : ROOT "/systemd";

	if (access(dir, W_OK) < 0)
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice, "%s: %s", dir, strerror(errno));
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "%s can be written", dir);
}

void doctor_cgroups(struct doctor *doctor)
{
	enum probe_cgroups mounted = check_version(doctor);

	if (mounted == PROBE_CGROUPS_NONE)
		return;
	check_controllers(doctor, mounted);
	check_delegation(doctor, mounted);
}
