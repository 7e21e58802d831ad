/* SPDX-License-Identifier: MIT */
/* A container as JSON: the state document of the OCI runtime specification, and all we know. */

#include "engine/inspect.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"
#include "engine/bundle/seccomp_annotation.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "engine/network/describe.h"
#include "engine/driver.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define SPEC_BYTES_MAX (16u << 20)

void inspect_add_time(struct json_object *object, const char *key, int64_t ns)
{
	char text[MOMENT_BYTES];

	if (ns == 0)
		return;
	(void)moment_format(ns, text);
	json_set_text(object, key, text);
}

/* Reads the container's specification; one that was removed or broken since is simply absent from
 * what we can tell. */
static struct json_object *load_spec(const struct lxcri_container *container)
{
	autofree char *path = xformat("%s/config.json", container->record.bundle);
	autofree char *json = NULL;
	struct json_object *spec = NULL;
	struct lxcri_error ignored;
	size_t size;

	if (file_read(AT_FDCWD, path, SPEC_BYTES_MAX, &json, &size) == 0)
		(void)json_parse(json, size, &json_limits_spec, &spec, &ignored);
	if (container->record.owns_bundle)
		seccomp_hide(spec);
	return spec;
}

/* Returns a copy of @annotations (NULL: none) with one that tells; owned by the caller. */
static struct json_object *mark_oom_killed(struct json_object *annotations)
{
	struct json_object *copy = NULL;

	if (!annotations || json_object_deep_copy(annotations, &copy, NULL) < 0)
		copy = json_object_new_object();
	json_set_text(copy, "org.proxmox-lxcri.oom-killed", "true");
	return copy;
}

/* The members that the runtime specification defines (runtime-spec, "State"). */
static struct json_object *make_state(const struct lxcri_container *container,
				      struct json_object *spec)
{
	struct json_object *object = json_object_new_object();
	struct json_object *annotations = json_get(spec, "annotations");
	const char *version = json_get_text(spec, "ociVersion");

	json_set_text(object, "ociVersion", version ? version : "1.0.2");
	json_set_text(object, "id", container->home.id);
	json_set_text(object, "status", lxcri_status_name(container->status));
	json_object_object_add(object, "pid", json_object_new_int(container->state.pid));
	json_set_text(object, "bundle", container->record.bundle);
	if (container_oom_killed(container))
		annotations = mark_oom_killed(annotations);
	else
		json_object_get(annotations);
	if (annotations)
		json_object_object_add(object, "annotations", annotations);
	return object;
}

int lxcri_container_state_json(struct lxcri_container *container, char **ret_json,
			       struct lxcri_error *err)
{
	if (container_refresh(container, err) < 0)
		return -1;
	if (ct_is(container))
		ct_look(container);

	autojson spec = load_spec(container);
	autojson state = make_state(container, spec);
	autofree char *rootfs = xformat("%s/rootfs", container->record.bundle);

	/* What runc's command prints besides. */
	json_set_text(state, "rootfs", rootfs);
	inspect_add_time(state, "created", container->record.created_ns);
	json_set_text(state, "owner", "");
	*ret_json = json_format(state);
	return 0;
}

/* Adds what `serve` does for the container, and what came of it. */
static void add_service(struct json_object *object, struct lxcri_container *container)
{
	const struct record *record = &container->record;
	const struct health_state *health = container_health(container);
	struct json_object *check = record->health ? json_tokener_parse(record->health) : NULL;
	const char *status = health_status_name(health->status);

	json_set_text(object, "restart", record->restart ? record->restart : "no");
	json_object_object_add(object, "restarts", json_object_new_int64(record->restarts));
	if (check)
		json_object_object_add(object, "healthcheck", check);
	if (!status)
		return;

	struct json_object *state = json_object_new_object();

	json_object_object_add(object, "health", state);
	json_set_text(state, "status", status);
	json_object_object_add(state, "failing", json_object_new_int64(health->failing));
	if (health->checked_ns == 0)
		return;
	inspect_add_time(state, "checked", health->checked_ns);
	json_object_object_add(state, "exitCode", json_object_new_int(health->exit_code));
	json_set_text(state, "output", health->output);
}

/* Adds what a container with networks has in them. */
static int add_networks(const struct lxcri_container *container, struct json_object *object,
			struct lxcri_error *err)
{
	struct json_object *networks;
	struct json_object *ports;

	if (!container->record.networked)
		return 0;
	networks = describe_endpoints(container->engine, container->home.id, err);
	ports = networks ? describe_ports(container->engine, container->home.id, err) : NULL;
	if (!ports) {
		json_free(networks);
		return -1;
	}
	json_object_object_add(object, "networks", networks);
	json_object_object_add(object, "ports", ports);
	return 0;
}

int lxcri_container_inspect_json(struct lxcri_container *container, char **ret_json,
				 struct lxcri_error *err)
{
	const struct record *record = &container->record;

	if (container_refresh(container, err) < 0)
		return -1;
	if (ct_is(container))
		ct_look(container);

	autojson spec = load_spec(container);
	autojson object = make_state(container, spec);

	json_set_text(object, "runtime", lxcri_container_type_name(record->type));
	json_set_text(object, "image", record->image);
	json_set_text(object, "digest", record->digest);
	if (record->owns_bundle && !ct_is(container))
		json_set_text(object, "storageDriver", driver_of(record)->name);
	ct_describe(container, object);
	json_set_text(object, "logPath", record->log_path);
	json_set_text(object, "stopSignal", record->stop_signal);
	inspect_add_time(object, "created", record->created_ns);
	inspect_add_time(object, "started", container->state.started_ns);
	inspect_add_time(object, "finished", container->state.finished_ns);
	if (container->status == LXCRI_STATUS_STOPPED && !container->end_unknown) {
		json_object_object_add(object, "exitCode",
				       json_object_new_int(container->state.exit_code));
		json_object_object_add(object, "OOMKilled",
				       json_object_new_boolean(container_oom_killed(container)));
		json_object_object_add(object, "monitorLost",
				       json_object_new_boolean(container->lost));
	}
	json_object_object_add(object, "terminal", json_object_new_boolean(record->terminal));
	json_object_object_add(object, "remove", json_object_new_boolean(record->remove));
	add_service(object, container);
	if (add_networks(container, object, err) < 0)
		return -1;
	if (spec)
		json_object_object_add(object, "spec", json_object_get(spec));
	*ret_json = json_format(object);
	return 0;
}
