/* SPDX-License-Identifier: MIT */
/* One runtime by its type, as lxcri/runtime.h offers it. A container that belongs to another type
 * is not there for it. */

#include "lxcri/runtime.h"

#include "base/mem.h"
#include "engine/container.h"
#include "os/signal.h"

struct lxcri_runtime {
	struct lxcri_engine *engine; /* borrowed */
	enum lxcri_container_type type;
};

int lxcri_runtime_open(struct lxcri_engine *engine, enum lxcri_container_type type,
		       struct lxcri_runtime **ret_runtime, struct lxcri_error *err)
{
	autofree char *path = NULL;

	if (type == LXCRI_PROXMOX_LXC)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "the runtime proxmox-lxc makes containers from images, and this is for "
			    "bundles");
	if (type == LXCRI_RUNC && lxcri_config_runtime_path(engine->config, type, &path, err) < 0)
		return -1;

	struct lxcri_runtime *runtime = xnew(struct lxcri_runtime);

	runtime->engine = engine;
	runtime->type = type;
	*ret_runtime = runtime;
	return 0;
}

void lxcri_runtime_free(struct lxcri_runtime *runtime)
{
	free(runtime);
}

/* Opens @id if it is one of ours. */
static int open_own(struct lxcri_runtime *runtime, const char *id,
		    struct lxcri_container **ret_container, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;

	if (lxcri_container_open(runtime->engine, id, &container, err) < 0)
		return -1;
	if (container->record.type != runtime->type)
		return fail(err, LXCRI_E_CONTAINER_NOT_FOUND, "container %s belongs to %s, not %s",
			    id, lxcri_container_type_name(container->record.type),
			    lxcri_container_type_name(runtime->type));
	*ret_container = steal(container);
	return 0;
}

static int create(struct lxcri_runtime *runtime, const char *id, const char *bundle,
		  const struct lxcri_spec *spec, struct lxcri_container **ret_container,
		  struct lxcri_error *err)
{
	const struct lxcri_create_options options = {
		.id = id,
		.type = &runtime->type,
		.bundle = bundle,
		.spec = spec,
		.stdio = LXCRI_STDIO_INHERIT,
	};

	return lxcri_container_create(runtime->engine, &options, ret_container, err);
}

int lxcri_runtime_create(struct lxcri_runtime *runtime, const char *id, const char *bundle,
			 const struct lxcri_spec *spec, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;

	return create(runtime, id, bundle, spec, &container, err);
}

int lxcri_runtime_start(struct lxcri_runtime *runtime, const char *id, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;

	if (open_own(runtime, id, &container, err) < 0)
		return -1;
	return lxcri_container_start(container, err);
}

int lxcri_runtime_run(struct lxcri_runtime *runtime, const char *id, const char *bundle,
		      const struct lxcri_spec *spec, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_error second = {};

	if (create(runtime, id, bundle, spec, &container, err) < 0)
		return -1;

	int code = lxcri_container_run_attached(container, false, err);

	if (lxcri_container_delete(container, true, code < 0 ? &second : err) < 0)
		return -1;
	return code;
}

int lxcri_runtime_kill(struct lxcri_runtime *runtime, const char *id, const char *signal,
		       struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;
	int number = signal_parse(signal);

	if (number < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "signal \"%s\": no such signal", signal);
	if (open_own(runtime, id, &container, err) < 0)
		return -1;
	return lxcri_container_kill(container, number, false, err);
}

int lxcri_runtime_delete(struct lxcri_runtime *runtime, const char *id, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;

	if (open_own(runtime, id, &container, err) < 0)
		return -1;
	return lxcri_container_delete(container, false, err);
}

int lxcri_runtime_exists(struct lxcri_runtime *runtime, const char *id, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_error problem = {};

	if (open_own(runtime, id, &container, &problem) == 0)
		return 1;
	if (problem.code == LXCRI_E_CONTAINER_NOT_FOUND)
		return 0;
	*err = problem;
	return -1;
}

int lxcri_runtime_status(struct lxcri_runtime *runtime, const char *id,
			 enum lxcri_status *ret_status, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;

	if (open_own(runtime, id, &container, err) < 0)
		return -1;
	*ret_status = container->status;
	return 0;
}
