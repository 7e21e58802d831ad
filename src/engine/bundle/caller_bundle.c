/* SPDX-License-Identifier: MIT */
/* Making a container from a caller's bundle: what its specification says. */

#include "engine/creation.h"

#include "base/mem.h"
#include "engine/limits/container_limits.h"
#include "engine/limits/container_scope.h"
#include "engine/limits/resources.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Says so here, in the same words for each backend, when the root file system is not there. */
static int check_root(const struct lxcri_spec *spec, const char *bundle, struct lxcri_error *err)
{
	autofree char *json = lxcri_spec_get(spec, "root.path");
	autojson text = json ? json_tokener_parse(json) : NULL;
	const char *path = text ? json_object_get_string(text) : "";
	autofree char *full = *path == '/' ? xstrdup(path) : xformat("%s/%s", bundle, path);
	struct stat status;

	if (stat(full, &status) < 0)
		return fail_code_errno(err, LXCRI_E_INVALID_SPEC, errno,
				       "%s/config.json: root.path: %s", bundle, full);
	if (!S_ISDIR(status.st_mode))
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "%s/config.json: root.path: %s is not a directory", bundle, full);
	return 0;
}

int creation_check_bundle(struct creation *creation, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = creation->options;
	struct record *record = &creation->container->record;
	struct lxcri_spec *loaded = NULL;

	if (options->spec && lxcri_spec_save(options->spec, record->bundle, err) < 0)
		return -1;
	if (!options->spec && lxcri_spec_load(record->bundle, &loaded, err) < 0)
		return -1;

	const struct lxcri_spec *spec = options->spec ? options->spec : loaded;
	autofree char *terminal = lxcri_spec_get(spec, "process.terminal");
	autofree char *process = lxcri_spec_get(spec, "process");
	autofree char *limits = lxcri_spec_get(spec, "linux.resources");
	autofree char *path_json = lxcri_spec_get(spec, "linux.cgroupsPath");
	autojson path = path_json ? json_tokener_parse(path_json) : NULL;
	autojson resources = NULL;
	int r = check_root(spec, record->bundle, err);

	if (r == 0)
		r = container_scope_choose_bundle(creation->container, json_object_get_string(path),
						  err);
	if (r == 0 && limits)
		r = resources_parse(limits, &resources, err);
	if (r == 0)
		r = container_limits_plan(creation->container, resources, err);

	lxcri_spec_free(loaded);
	if (r < 0)
		return -1;
	if (!process)
		return fail(err, LXCRI_E_INVALID_SPEC, "%s/config.json: process is missing",
			    record->bundle);
	record->terminal = terminal && strcmp(terminal, "true") == 0;
	if (options->console_socket && !record->terminal)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "a console socket is given, but process.terminal is not true");
	return 0;
}
