/* SPDX-License-Identifier: MIT */
#pragma once

/* The parts of a specification, each written by a file of its own. */

#include "engine/bundle.h"
#include "engine/bundle/capability.h"
#include "engine/bundle/passwd.h"
#include "oci/image_config.h"

#include <sys/stat.h>

/* What all parts are made from. Nothing here is owned but `user`. */
struct bundle_request {
	const struct image_config *image;
	const struct lxcri_create_options *options;
	const char *hostname;
	struct passwd_user user;
	struct id_map map; /* empty: ids are the host's */
	capability_set capabilities;
	struct bundle *bundle; /* `spec` is an object that the parts add to */
};

/* Adds "process": arguments, environment, working directory, user, capabilities, limits. */
[[nodiscard]] int bundle_add_process(struct bundle_request *request, struct lxcri_error *err);

/* Adds "apparmorProfile" to @process: the one that was asked for, which has to be loaded, else the
 * default one, without which there is a warning. Nothing where the host has no AppArmor. */
[[nodiscard]] int bundle_add_apparmor(const struct bundle_request *request,
				      struct json_object *process, struct lxcri_error *err);

/* Adds "mounts", without those of volumes, which are added to the bundle. */
[[nodiscard]] int bundle_add_mounts(struct bundle_request *request, struct lxcri_error *err);

/* Adds "linux": namespaces, devices, resources, masked paths, seccomp, the cgroup's path. */
[[nodiscard]] int bundle_add_linux(struct bundle_request *request, struct lxcri_error *err);

/* Adds the device that @status describes to the JSON array @devices as @path. */
void bundle_add_device(struct json_object *devices, const char *path, const struct stat *status);

/* Adds every device of the host to the JSON array @devices, but for those that a container has
 * anyway. */
[[nodiscard]] int bundle_add_host_devices(struct json_object *devices, struct lxcri_error *err);

/* Returns @path without double slashes, "." and a slash at the end, owned by the caller. One that
 * is not absolute, has ".." or a control character is LXCRI_E_INVALID_ARGUMENT; @what names it. */
[[nodiscard]] int bundle_normalise(const char *what, const char *path, char **ret,
				   struct lxcri_error *err);

/* Where the small init is inside a container. */
#define BUNDLE_INIT_PATH "/dev/.lxcri-init"

/* Appends a copy of @text to the JSON array @array. */
static inline void bundle_append(struct json_object *array, const char *text)
{
	json_object_array_add(array, json_object_new_string(text));
}
