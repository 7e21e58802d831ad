/* SPDX-License-Identifier: MIT */
/* What an engine is made of and what it has. */

#include "base/mem.h"
#include "base/text.h"
#include "engine/doctor/probe.h"
#include "engine/driver.h"
#include "engine/limits/container_scope.h"
#include "image/layout.h"

#include <string.h>

/* Returns PRETTY_NAME of os-release(5), owned by the caller, or NULL. */
static char *find_os(void)
{
	static const char key[] = "PRETTY_NAME=";
	autofree char *text = probe_read("/etc/os-release");
	char *at = NULL;

	for (char *line = text ? strtok_r(text, "\n", &at) : NULL; line;
	     line = strtok_r(NULL, "\n", &at))
		if (text_starts_with(line, key)) {
			const char *value = line + strlen(key);

			value += *value == '"';
			return xstrndup(value, strcspn(value, "\""));
		}
	return NULL;
}

static const char *find_driver(const struct lxcri_engine *engine)
{
	struct driver_choice choice;
	struct lxcri_error ignored;

	if (access(engine->data, F_OK) < 0 || driver_choose(engine, false, &choice, &ignored) < 0)
		return NULL;
	return choice.ops->name;
}

static int count_container(void *userdata, const struct lxcri_state *state)
{
	struct lxcri_info *info = userdata;

	info->containers[state->status]++;
	return 0;
}

static int count_images(const struct lxcri_engine *engine, unsigned int *ret,
			struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autojson index = NULL;

	if (layout_open(engine->data, &layout, err) < 0 ||
	    layout_read_index(&layout, &index, err) < 0)
		return -1;
	*ret = (unsigned int)json_object_array_length(json_get(index, "manifests"));
	return 0;
}

int lxcri_info(struct lxcri_engine *engine, struct lxcri_info *ret_info, struct lxcri_error *err)
{
	autorun(lxcri_info_finish) struct lxcri_info info = {
		.version = LXCRI_VERSION,
		.root = engine->root,
		.data = engine->data,
		.has_apparmor = probe_apparmor(),
		.has_selinux = probe_selinux(),
		.has_seccomp = probe_seccomp(),
		.systemd_cgroups = container_scope_is_usual(engine->config),
	};
	autofree char *existing = probe_existing(engine->data);
	enum probe_cgroups cgroups = probe_cgroups();

	if (lxcri_container_list(engine, count_container, &info, err) < 0 ||
	    count_images(engine, &info.images, err) < 0)
		return -1;
	info.cgroup_version = cgroups == PROBE_CGROUPS_NONE ? 0
			      : cgroups == PROBE_CGROUPS_V2 ? 2
							    : 1;
	info.cgroup_hybrid = cgroups == PROBE_CGROUPS_HYBRID;
	info.os = find_os();
	info.storage_driver = find_driver(engine);
	info.file_system = probe_file_system(existing);
	probe_versions(engine, &info.versions);
	*ret_info = info;
	info = (struct lxcri_info){};
	return 0;
}

void lxcri_info_finish(struct lxcri_info *info)
{
	probe_versions_finish(&info->versions);
	free(info->os);
	free(info->file_system);
	*info = (struct lxcri_info){};
}
