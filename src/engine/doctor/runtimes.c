/* SPDX-License-Identifier: MIT */
/* The runtimes that containers run on. */

#include "engine/doctor/doctor.h"
#include "engine/doctor/probe.h"

#include "base/mem.h"
#include "config/config.h"
#include "os/helper.h"

#include <errno.h>
#include <string.h>

/* lxcri-lxc says in its second line which liblxc it has found, or why none. */
static void check_liblxc(struct doctor *doctor)
{
	static const struct advice advice = {
		"runtimes.liblxc", "no container can run on the type lxc",
		"install liblxc1 (on Proxmox VE: lxc-pve) in a version from 5.0 to 6.x"
	};
	autorun(strings_finish) struct strings lines = {};
	autofree char *path = helper_path("lxcri-lxc");
	int r = probe_ask_version(path, &lines);
	const char *version = probe_find_version(&lines, "liblxc");

	if (version)
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "%s", version);
	else if (r == 0 && lines.count > 1)
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice, "%s", lines.items[1]);
	else
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice,
			      "%s, which loads it, does not work", path);
}

static void check_libcrun(struct doctor *doctor)
{
	static const struct advice advice = { "runtimes.libcrun",
					      "no container can run on the type crun",
					      "install this program again" };
	autorun(strings_finish) struct strings lines = {};
	autofree char *path = helper_path("lxcri-monitor");
	const char *version =
		probe_ask_version(path, &lines) == 0 ? probe_find_version(&lines, "libcrun") : NULL;

	if (version)
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "%s, built in", version);
	else
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice,
			      "%s, which has it, does not work", path);
}

/* Tells whether the configuration sends any container to @type. */
static bool is_routed(const struct lxcri_config *config, enum config_key patterns, const char *type)
{
	struct json_object *rules = config_json(config, CONFIG_ROUTING);
	struct json_object *names = config_json(config, patterns);
	const char *otherwise = config_text(config, CONFIG_DEFAULT_CONTAINER_TYPE);

	for (size_t i = 0; rules && i < json_object_array_length(rules); i++) {
		const char *to = json_get_text(json_object_array_get_idx(rules, i), "runtime");

		if (to && strcmp(to, type) == 0)
			return true;
	}
	return (names && json_object_array_length(names) > 0) ||
	       (otherwise && strcmp(otherwise, type) == 0);
}

static void check_runc(struct doctor *doctor)
{
	static const struct advice advice = {
		"runtimes.runc", "no container can run on the type runc",
		"install runc, or set runtime.runc_path to the program"
	};
	const struct lxcri_config *config = doctor->engine->config;
	enum lxcri_health health = is_routed(config, CONFIG_RUNC_NAME_PATTERNS, "runc")
					   ? LXCRI_HEALTH_FAULT
					   : LXCRI_HEALTH_INFO;
	autorun(strings_finish) struct strings lines = {};
	autofree char *path = NULL;
	struct lxcri_error err = {};

	if (lxcri_config_runtime_path(config, LXCRI_RUNC, &path, &err) < 0) {
		doctor_report(doctor, health, &advice, "%s", err.text);
		return;
	}

	int r = probe_ask_version(path, &lines);

	if (r < 0 || lines.count == 0)
		doctor_report(doctor, LXCRI_HEALTH_FAULT, &advice, "%s --version: %s", path,
			      r < 0 ? strerror(-r) : "prints nothing");
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "%s, %s", path, lines.items[0]);
}

static void check_crun(struct doctor *doctor)
{
	static const struct advice advice = { "runtimes.crun",
					      "it is not needed: libcrun is built in", NULL };
	autorun(strings_finish) struct strings lines = {};
	autofree char *path = NULL;
	struct lxcri_error err;

	if (lxcri_config_runtime_path(doctor->engine->config, LXCRI_CRUN, &path, &err) < 0 ||
	    probe_ask_version(path, &lines) < 0 || lines.count == 0)
		doctor_report(doctor, LXCRI_HEALTH_INFO, &advice, "no program of that name");
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "%s, %s", path, lines.items[0]);
}

void doctor_runtimes(struct doctor *doctor)
{
	check_liblxc(doctor);
	check_libcrun(doctor);
	check_runc(doctor);
	check_crun(doctor);
}
