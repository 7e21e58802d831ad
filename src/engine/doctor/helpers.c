/* SPDX-License-Identifier: MIT */
/* The executables that belong to the command: there, and of the same version. */

#include "engine/doctor/doctor.h"
#include "engine/doctor/probe.h"

#include "os/helper.h"

#include <errno.h>
#include <string.h>

static const struct helper {
	struct advice advice;
	const char *name;
} helpers[] = {
	{ { "helpers.monitor", "no container can be made", NULL }, "lxcri-monitor" },
	{ { "helpers.lxc", "no container can run on the type lxc", NULL }, "lxcri-lxc" },
	{ { "helpers.shim", "no container can run on the type lxc", NULL }, "lxcri-shim" },
	{ { "helpers.worker", "no image can be imported or unpacked", NULL }, "lxcri-worker" },
	{ { "helpers.init", "containers cannot be made with --init", NULL }, "lxcri-init" },
	{ { "helpers.forward", "no container can publish a port", NULL }, "lxcri-forward" },
};

static void check_helper(struct doctor *doctor, const struct helper *helper)
{
	autorun(strings_finish) struct strings lines = {};
	autofree char *path = helper_path(helper->name);
	struct advice advice = helper->advice;
	int r = probe_ask_version(path, &lines);
	const char *version = probe_find_version(&lines, helper->name);

	advice.remedy = "install this program again, so that all its parts are of one build";
	if (version && strcmp(version, LXCRI_VERSION) == 0)
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "%s", path);
	else if (version)
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice,
			      "%s is of version %s, the command of %s", path, version,
			      LXCRI_VERSION);
	else if (r < 0 && r != -ENOEXEC)
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice, "%s: %s", path, strerror(-r));
	else
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice,
			      "%s does not tell its version: it is of another build, or lacks a "
			      "library",
			      path);
}

void doctor_helpers(struct doctor *doctor)
{
	for (size_t i = 0; i < ARRAY_LEN(helpers); i++)
		check_helper(doctor, &helpers[i]);
}
