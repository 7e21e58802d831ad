/* SPDX-License-Identifier: MIT */
/* Security modules. */

#include "engine/doctor/doctor.h"
#include "engine/doctor/probe.h"

#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PROFILES       "/sys/kernel/security/apparmor/profiles"
#define PROFILES_MAX   (1u << 20)
#define PROFILE_PREFIX "proxmox-lxcri" /* all of ours begin so */

/* Looks for a profile of ours among those that the kernel has: "NAME (MODE)" a line. */
static void check_profile(struct doctor *doctor)
{
	static const struct advice missing = {
		"security.apparmor_profile", "containers are not confined by AppArmor",
		"install the package's profile: apparmor_parser -r /etc/apparmor.d/proxmox-lxcri"
	};
	static const struct advice unreadable = {
		"security.apparmor_profile", "whether our profile is loaded cannot be seen",
		"mount -t securityfs none /sys/kernel/security, and ask as root"
	};
	autofree char *profiles = NULL;
	char *at = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, PROFILES, PROFILES_MAX, &profiles, &size);

	if (r < 0) {
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &unreadable, "%s: %s", PROFILES,
			      strerror(-r));
		return;
	}
	for (char *line = strtok_r(profiles, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
		if (strncmp(line, PROFILE_PREFIX, strlen(PROFILE_PREFIX)) == 0) {
			bool enforced = strstr(line, "(enforce)") != NULL;

			doctor_report(doctor, enforced ? LXCRI_HEALTH_OK : LXCRI_HEALTH_WARNING,
				      &missing, "%s", line);
			return;
		}
	doctor_report(doctor, LXCRI_HEALTH_WARNING, &missing, "no profile of ours is loaded");
}

static void check_apparmor(struct doctor *doctor)
{
	static const struct advice advice = {
		"security.apparmor",
		"containers are confined by namespaces, capabilities and seccomp alone",
		"boot a kernel with AppArmor and apparmor=1, as Debian's is"
	};

	if (!probe_apparmor()) {
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &advice, "not enabled");
		return;
	}
	doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "enabled");
	check_profile(doctor);
}

static void check_selinux(struct doctor *doctor)
{
	static const struct advice advice = {
		"security.selinux",
		"there is no policy of ours: containers run in the context of their creator", NULL
	};
	autofree char *enforce = probe_read("/sys/fs/selinux/enforce");

	if (!enforce)
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "not enabled");
	else
		doctor_report(doctor, LXCRI_HEALTH_INFO, &advice, "%s",
			      strcmp(enforce, "1") == 0 ? "enforcing" : "permissive");
}

void doctor_security(struct doctor *doctor)
{
	check_apparmor(doctor);
	check_selinux(doctor);
}
