/* SPDX-License-Identifier: MIT */
/* The limits of one container, and their change. */

#include "engine/limits/container_limits.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/strings.h"
#include "base/text.h"
#include "engine/ct/ct.h"
#include "engine/event.h"
#include "engine/limits/container_scope.h"
#include "engine/limits/resources.h"
#include "lxcri/limits.h"
#include "oci/spec_resources.h"
#include "oci/spec_validate.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The limits of a caller's bundle after an update; its config.json is not ours to change. */
#define RESOURCES_FILE "resources.json"

/* Is in the run directory while what is recorded may not be in force. */
#define UPDATING "updating." /* and the id: a file of the run-time directory */

/* Where the limits of one container are kept, as they were before a change. */
struct kept {
	char *path;                    /* of the file */
	struct json_object *document;  /* the specification, or the resources alone */
	struct json_object *resources; /* part of it, borrowed; what a change is laid over */
	bool is_spec;
};

static struct cgroup_host host_of(const struct lxcri_container *container)
{
	struct cgroup_host host = cgroup_host_get();

	/* crun and runc know either version, and not both. */
	host.without_unified = !host.unified && container->record.type != LXCRI_LXC;
	return host;
}

int container_limits_plan(struct lxcri_container *container, struct json_object *resources,
			  struct lxcri_error *err)
{
	const struct cgroup_host host = host_of(container);
	struct spec_pool pool = {};

	limits_finish(&container->limits);

	int r = limits_plan(spec_resources_read(&pool, resources), &host, &container->limits, err);

	spec_pool_finish(&pool);
	return r;
}

int container_limits_apply(const struct lxcri_container *container, struct lxcri_error *err)
{
	const struct cgroup_host host = host_of(container);
	autorun(strings_finish) struct strings cgroups = {};

	if (container->limits.count == 0)
		return 0;
	if (monitor_read_cgroups(container->home.run_fd, &cgroups, err) < 0)
		return -1;
	return limits_apply(&container->limits, &host, &cgroups, err);
}

static void kept_finish(struct kept *kept)
{
	freep(&kept->path);
	json_freep(&kept->document);
	kept->resources = NULL;
}

/* Reads @path. Returns 1, or 0 when it is not there. */
static int read_json(const char *path, struct json_object **ret, struct lxcri_error *err)
{
	autofree char *text = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, json_limits_spec.bytes_max, &text, &size);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail_errno(err, r, "%s", path);
	if (json_parse(text, size, &json_limits_spec, ret, err) < 0)
		return fail_while(err, "%s", path);
	return 1;
}

/* Reads the limits in force: those of the specification, or of an update since. */
static int read_kept(const struct lxcri_container *container, struct kept *kept,
		     struct lxcri_error *err)
{
	struct json_object *part;
	int found = 0;

	*kept = (struct kept){ .is_spec = home_is_persistent(&container->home) };
	if (!kept->is_spec) {
		kept->path = xformat("%s/" RESOURCES_FILE, container->home.run_dir);
		found = read_json(kept->path, &kept->document, err);
		kept->resources = kept->document;
	}
	if (found != 0)
		return found < 0 ? -1 : 0;

	autofree char *path = xformat("%s/config.json", container->record.bundle);
	autojson spec = NULL;

	found = read_json(path, &spec, err);
	if (found <= 0)
		return found < 0 ? -1 : fail(err, LXCRI_E_BUNDLE_NOT_FOUND, "%s is missing", path);
	part = json_get(json_get(spec, "linux"), "resources");
	if (!kept->is_spec) {
		kept->document = part ? json_object_get(part) : json_object_new_object();
		kept->resources = kept->document;
		return 0;
	}
	if (!json_get(spec, "linux"))
		json_object_object_add(spec, "linux", json_object_new_object());
	if (!part) {
		part = json_object_new_object();
		json_object_object_add(json_get(spec, "linux"), "resources", part);
	}
	kept->path = steal(path);
	kept->resources = part;
	kept->document = steal(spec);
	return 0;
}

/* The same, and checks them: the file of a bundle may have changed since its container was made. */
static int load(const struct lxcri_container *container, struct kept *kept, struct lxcri_error *err)
{
	return read_kept(container, kept, err) < 0 ? -1
						   : spec_validate_resources(kept->resources, err);
}

static int save(const struct kept *kept, const char *text, struct lxcri_error *err)
{
	autofree char *directory =
		xstrndup(kept->path, (size_t)(strrchr(kept->path, '/') - kept->path));
	autoclose int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno
			: file_write_atomic(dir, strrchr(kept->path, '/') + 1, text, strlen(text),
					    0600, kept->is_spec ? FILE_DURABLE : FILE_VOLATILE);

	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s", kept->path) : 0;
}

int container_limits_load(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(kept_finish) struct kept kept = {};

	if (load(container, &kept, err) < 0)
		return -1;
	return container_limits_plan(container, kept.resources, err);
}

/* Beside those of all others, so that whoever looks at many containers looks at one directory. */
static char *mark_path(const struct lxcri_container *container)
{
	return xformat("%s/" UPDATING "%s", container->engine->root, container->home.id);
}

static int begin_update(const struct lxcri_container *container, struct lxcri_error *err)
{
	autofree char *path = mark_path(container);
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "write %s", path) : 0;
}

void container_limits_forget(const struct lxcri_container *container)
{
	autofree char *path = mark_path(container);

	(void)unlink(path); /* else it is done once more */
}

static int enforce(struct lxcri_container *container, struct lxcri_error *err)
{
	return container_scope_update(container, err) < 0 ? -1
							  : container_limits_apply(container, err);
}

bool container_limits_all_settled(const struct lxcri_engine *engine)
{
	autorun(strings_finish) struct strings names = {};
	bool is_settled = path_list_shown(engine->root, &names) == 0;

	for (size_t i = 0; is_settled && i < names.count; i++)
		is_settled = !text_starts_with(names.items[i], UPDATING);
	return is_settled;
}

void container_limits_settle(struct lxcri_container *container)
{
	bool had_lock = container->home.locked;
	autofree char *mark = mark_path(container);
	struct lxcri_error err = {};

	if (access(mark, F_OK) < 0)
		return;
	if (home_lock(&container->home, HOME_TRY, &err) <= 0)
		return; /* the update goes on */
	/* One that is stopped is started with what is recorded. */
	if (container->status == LXCRI_STATUS_STOPPED ||
	    (container_limits_load(container, &err) == 0 && enforce(container, &err) == 0))
		container_limits_forget(container);
	else
		log_warning("finish the update of container %s: %s", container->home.id, err.text);
	if (!had_lock)
		home_unlock(&container->home);
}

/* Lays @patch over what is kept, works out the whole, records it and puts it in force. What cannot
 * be put in force is not recorded either. */
static int change(struct lxcri_container *container, struct kept *kept, struct json_object *patch,
		  struct lxcri_error *err)
{
	autofree char *before = json_format(kept->document);
	autofree char *after = NULL;
	autojson old = NULL;
	struct lxcri_error second = {};

	if (json_object_deep_copy(kept->resources, &old, NULL) < 0)
		return fail_errno(err, ENOMEM, "copy the limits");
	resources_merge(kept->resources, patch);
	if (container_limits_plan(container, kept->resources, err) < 0)
		return -1;
	/* It was of this change alone. */
	if (json_get(kept->resources, "memory"))
		json_object_object_del(json_get(kept->resources, "memory"), "checkBeforeUpdate");
	after = json_format(kept->document);
	if (container->status == LXCRI_STATUS_STOPPED)
		return save(kept, after, err);
	if (begin_update(container, err) < 0)
		return -1;
	if (save(kept, after, err) < 0) {
		/* It may be there nevertheless, and not be on the disk. */
		if (save(kept, before, &second) == 0)
			container_limits_forget(container);
		return -1;
	}
	/* The scope first: what its cgroup refuses is nothing yet. */
	if (container_scope_update(container, err) == 0) {
		if (container_limits_apply(container, err) == 0) {
			container_limits_forget(container);
			return 0;
		}
		if (container_limits_plan(container, old, &second) < 0 ||
		    container_scope_update(container, &second) < 0)
			log_error("%s", second.text);
	}
	if (save(kept, before, &second) < 0)
		log_error("%s", second.text);
	else
		container_limits_forget(container);
	return -1;
}

static int update_locked(struct lxcri_container *container, struct json_object *patch,
			 struct lxcri_error *err)
{
	autorun(kept_finish) struct kept kept = {};

	if (container->status == LXCRI_STATUS_CREATING ||
	    (container->status == LXCRI_STATUS_STOPPED && !home_is_persistent(&container->home)))
		return fail(err, LXCRI_E_INVALID_STATE, "it is %s, and cannot be started again",
			    lxcri_status_name(container->status));
	if (json_get(patch, "devices"))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "linux.resources.devices: rules of devices cannot be changed");
	if (load(container, &kept, err) < 0)
		return -1;
	return change(container, &kept, patch, err);
}

int lxcri_container_update(struct lxcri_container *container, const char *resources_json,
			   struct lxcri_error *err)
{
	autojson patch = NULL;

	if (resources_parse(resources_json, &patch, err) < 0)
		return fail_while(err, "update %s", container->home.id);
	if (container_lock(container, err) < 0)
		return -1;

	int r = ct_is(container) ? ct_update_limits(container, patch, err)
				 : update_locked(container, patch, err);

	if (r == 0)
		container_event(container, "update", NULL, NULL);
	home_unlock(&container->home);
	return r < 0 ? fail_while(err, "update %s", container->home.id) : 0;
}
