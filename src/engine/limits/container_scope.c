/* SPDX-License-Identifier: MIT */
/* Whether a container gets a scope of systemd, and which. */

#include "engine/limits/container_scope.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "os/helper.h"
#include "runtime/cgroup_name.h"
#include "runtime/scope.h"

#include <string.h>

#define SLICE_DEFAULT "machine.slice"

/* What runc calls the scope of a bundle that names none. */
#define RUNC_SLICE  "system.slice"
#define RUNC_PREFIX "runc"

enum wish { WISH_NONE, WISH_IF_FIT, WISH_DEMAND };

static enum wish wish_in(const struct lxcri_config *config)
{
	const char *manager = config_text(config, CONFIG_RUNTIME_CGROUP_MANAGER);

	if (strcmp(manager, "systemd") == 0)
		return WISH_DEMAND;
	return strcmp(manager, "auto") == 0 && scope_is_possible() ? WISH_IF_FIT : WISH_NONE;
}

bool container_scope_is_usual(const struct lxcri_config *config)
{
	return wish_in(config) != WISH_NONE;
}

static enum wish wish_of(const struct lxcri_container *container)
{
	return wish_in(container->engine->config);
}

static int demand_systemd(enum wish wish, struct lxcri_error *err)
{
	if (wish != WISH_DEMAND || scope_is_possible())
		return 0;
	return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
		    "cgroups of systemd: systemd is not the first process of this host, or its "
		    "cgroups are not of version 2 alone; runtime.cgroup_manager = cgroupfs does "
		    "without");
}

/* Gives it the scope of its own name in @slice. */
static void take_default(struct lxcri_container *container, const char *slice)
{
	const struct home *home = &container->home;
	autofree char *name = cgroup_name(CGROUP_PAYLOAD, home->id, home->run_dir);

	container->record.slice = xstrdup(slice);
	container->record.scope = xformat("%s.scope", name);
}

int container_scope_choose(struct lxcri_container *container, const char *parent,
			   struct lxcri_error *err)
{
	enum wish wish = wish_of(container);

	if (demand_systemd(wish, err) < 0)
		return -1;
	if (wish == WISH_NONE ||
	    (wish == WISH_IF_FIT && parent && !text_ends_with(parent, ".slice")))
		return 0;
	if (parent && scope_check_slice(parent, err) < 0)
		return fail_while(err, "cgroup parent");
	take_default(container, parent ? parent : SLICE_DEFAULT);
	return 0;
}

/* Takes the names out of "SLICE:PREFIX:NAME". */
static int take_names(struct lxcri_container *container, const char *path, struct lxcri_error *err)
{
	const char *first = strchr(path, ':');
	const char *second = first ? strchr(first + 1, ':') : NULL;

	if (!second || !second[1] || strchr(path, '/') || text_has_control(path))
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "linux.cgroupsPath: %s is not SLICE:PREFIX:NAME, as systemd needs it",
			    path);
	container->record.slice =
		first == path ? xstrdup(RUNC_SLICE) : xstrndup(path, (size_t)(first - path));
	container->record.scope = second == first + 1
					  ? xformat("%s.scope", second + 1)
					  : xformat("%.*s-%s.scope", (int)(second - first - 1),
						    first + 1, second + 1);
	return scope_check_slice(container->record.slice, err);
}

int container_scope_choose_bundle(struct lxcri_container *container, const char *path,
				  struct lxcri_error *err)
{
	enum wish wish = wish_of(container);
	bool is_runc = container->record.type == LXCRI_RUNC;

	if (demand_systemd(wish, err) < 0)
		return -1;
	if (wish == WISH_NONE || (wish == WISH_IF_FIT && path && *path == '/'))
		return 0;
	if (path && *path) {
		if (take_names(container, path, err) < 0)
			return -1;
	} else if (is_runc) {
		container->record.slice = xstrdup(RUNC_SLICE);
		container->record.scope = xformat(RUNC_PREFIX "-%s.scope", container->home.id);
	} else {
		take_default(container, SLICE_DEFAULT);
	}
	/* The bundle is the caller's: runc reads the path there and makes the scope itself. */
	if (is_runc)
		freep(&container->record.slice);
	return 0;
}

char *container_scope_cgroup(const struct lxcri_container *container)
{
	const struct record *record = &container->record;

	if (!record->slice || !record->scope)
		return NULL;

	autofree char *scope = scope_cgroup(record->slice, record->scope);

	return xformat("%s/" SCOPE_CONTAINER, scope);
}

int container_scope_update(const struct lxcri_container *container, struct lxcri_error *err)
{
	autofree char *helper = helper_path("lxcri-scope");
	autorun(strings_finish) struct strings properties = {};

	if (!container->record.scope)
		return 0;
	limits_properties(&container->limits, &properties);
	return scope_change(helper, container->record.scope, &properties, err);
}
