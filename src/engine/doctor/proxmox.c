/* SPDX-License-Identifier: MIT */
/* Proxmox VE, where this host has it. Its versions are read from the list of packages: its own
 * command takes half a second to say the same. */

#include "engine/doctor/doctor.h"
#include "engine/doctor/probe.h"

#include "base/mem.h"
#include "base/strings.h"
#include "base/text.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PACKAGES     "/var/lib/dpkg/status"
#define PACKAGES_MAX (256u << 20)
#define STORAGE      "/etc/pve/storage.cfg"

/* Returns the version of the installed package @name in the list @packages, owned by the caller, or
 * NULL. A paragraph of the list begins with "Package: " and ends with an empty line. */
static char *find_version(const char *packages, const char *name)
{
	autofree char *key = xformat("\nPackage: %s\n", name);
	const char *start = strstr(packages, key);
	const char *end = start ? strstr(start, "\n\n") : NULL;
	autofree char *paragraph = NULL;
	const char *version;

	if (!start)
		return NULL;
	paragraph = end ? xstrndup(start, (size_t)(end - start)) : xstrdup(start);
	version = strstr(paragraph, "\nVersion: ");
	if (!version || !strstr(paragraph, "\nStatus: install ok installed"))
		return NULL;
	version += strlen("\nVersion: ");
	return xstrndup(version, strcspn(version, "\n"));
}

static void check_node(struct doctor *doctor)
{
	static const struct advice advice = {
		"proxmox.node", "the cluster file system knows no node of this name",
		"give the host the name of its node, or start pve-cluster"
	};
	char host[256] = "";
	autofree char *dir = NULL;

	(void)gethostname(host, sizeof(host) - 1);
	host[strcspn(host, ".")] = '\0';
	dir = xformat("/etc/pve/nodes/%s", host);
	doctor_report(doctor, access(dir, F_OK) == 0 ? LXCRI_HEALTH_OK : LXCRI_HEALTH_WARNING,
		      &advice, "%s", host);
}

/* A storage is a line "TYPE: NAME" that is not indented. */
static void check_storage(struct doctor *doctor)
{
	static const struct advice advice = { "proxmox.storage",
					      "containers of the type proxmox-lxc have no place",
					      "add a storage with the content type \"rootdir\"" };
	autorun(text_finish) struct text names = {};
	autofree char *text = probe_read(STORAGE);
	char *at = NULL;

	for (char *line = text ? strtok_r(text, "\n", &at) : NULL; line;
	     line = strtok_r(NULL, "\n", &at)) {
		const char *colon = strstr(line, ": ");

		if (colon && line[0] != '\t' && line[0] != ' ' && line[0] != '#')
			text_addf(&names, "%s%s", names.length ? ", " : "", colon + 2);
	}
	if (names.length == 0)
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &advice, "%s lists none", STORAGE);
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "%s", names.data);
}

static void check_lxc_pve(struct doctor *doctor, const char *packages)
{
	static const struct advice advice = { "proxmox.lxc",
					      "pct and this program do not use the same liblxc",
					      "apt install lxc-pve" };
	autofree char *version = find_version(packages, "lxc-pve");

	if (version)
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "lxc-pve %s", version);
	else
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &advice, "lxc-pve is not installed");
}

void doctor_proxmox(struct doctor *doctor)
{
	static const struct advice absent = {
		"proxmox.version", "containers of the type proxmox-lxc cannot be made here", NULL
	};
	autofree char *packages = NULL;
	autofree char *version = NULL;
	size_t size;

	if (file_read(AT_FDCWD, PACKAGES, PACKAGES_MAX, &packages, &size) == 0)
		version = find_version(packages, "pve-manager");
	if (!version) {
		doctor_report(doctor, LXCRI_HEALTH_INFO, &absent, "not a Proxmox VE host");
		return;
	}
	doctor_report(doctor, LXCRI_HEALTH_OK, &absent, "pve-manager %s", version);
	check_node(doctor);
	check_lxc_pve(doctor, packages);
	check_storage(doctor);
}
